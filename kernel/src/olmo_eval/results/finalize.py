"""From the journal to the tables: streamed, atomic, repeatable.

The journal is in the order in which instances finished; tables are in the order of the data. So
its records are read one by one in that order, from the places that were noted when they were
written. Memory holds a few numbers an instance, never its text.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.results import footers, journal, schema
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.health import Tally
from olmo_eval.results.places import Places
from olmo_eval.results.readable import extracted_text, likeliest
from olmo_eval.results.record import Row, joined
from olmo_eval.results.turns import size_of, turn_rows

#: bytes of JSON in one row group, so that one question is read without the rest of its table
_GROUP_BYTES = 32 << 20
#: rows in one: zstd finds the few-shot examples that rows share when many stand in one page
_ROWS_AT_ONCE = 2_000
#: events in one row group of turns: most are short
_TURNS_AT_ONCE = 20_000
#: characters of the first output that the table of instances shows
_HEAD = 200


@frozen
class TaskMeta:
    """What the tables need to know of a task: its name, its metrics, its scorers' names, and the
    key of the metric that stands for it. ``computed`` are scores by metric key that were computed
    from all responses at once.
    """

    name: str
    metrics: tuple[Metric, ...]
    scorers: tuple[str, ...]
    primary: str
    computed: Mapping[str, float] = field(factory=dict)


def write_tables(
    journal_path: Path, folder: Path, tasks: Sequence[TaskMeta], places: Places
) -> dict[str, TaskColumns]:
    """Write the tables of every task's instances and answers; returns each task's metric columns.

    ``places`` says where the records of ``tasks`` stand in the journal. Rewriting gives the same
    bytes' meaning.
    """
    columns: dict[str, TaskColumns] = {}
    for task in tasks:
        rows = _rows(journal_path, places.in_order(task.name))
        keys = [metric.key for metric in task.metrics]
        unconditional = any(metric.needs_unconditional for metric in task.metrics)
        tally = Tally(task.primary, unconditional=unconditional)
        columns[task.name] = write_task(folder, task.name, keys, task.scorers, rows, tally)
    return columns


def task_rows(journal_path: Path, name: str, places: Places) -> Iterator[Row]:
    """The rows of a task's instances, in the order of the data."""
    return (row for row, _ in _rows(journal_path, places.in_order(name)))


def _rows(path: Path, places: Sequence[tuple[int, int | None]]) -> Iterator[tuple[Row, int]]:
    """Each instance's row, with the bytes it has in the journal."""
    if not places:
        return
    with path.open("rb") as file:
        lines = _Lines(file)
        for answer_at, score_at in places:
            answer, size = lines.at(answer_at)
            score, more = (None, 0) if score_at is None else lines.at(score_at)
            if answer is not None:
                yield joined(answer, score), size + more


class _Lines:
    """The records of a journal by the byte at which they begin; those that stand one after another
    are read without going back to the file for their place."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def at(self, offset: int) -> tuple[Row | None, int]:
        if offset != self._position:
            self._file.seek(offset)
        line = self._file.readline()
        self._position = offset + len(line)
        return journal.decode(line), len(line)


def write_task(
    folder: Path,
    name: str,
    keys: Sequence[str],
    scorers: Sequence[str],
    rows: Iterable[tuple[Row, int]],
    tally: Tally | None = None,
) -> TaskColumns:
    """Write a task's ``instances`` and ``answers`` tables, and ``turns`` where there are any, each
    in one step; returns the columns of the metrics ``keys``.

    ``rows`` come with their size in bytes; ``tally`` counts the task's health meanwhile.
    """
    columns = TaskColumns(keys, tally)
    file = f"{schema.file_name(name)}.parquet"
    instances = _Table(folder / "instances" / file, schema.instance_schema(scorers, keys))
    answers = _Table(folder / "answers" / file, schema.ANSWERS)
    turns = _Table(folder / "turns" / file, schema.TURNS, optional=True)
    with instances, answers, turns:
        for batch in _batches(rows, _ROWS_AT_ONCE):
            for row in batch:
                columns.add(row)
                _add_shown(row)
            instances.write(batch)
            answers.write(batch)
            for events in _batches(_turns(batch), _TURNS_AT_ONCE):
                turns.write(events)
                columns.events += len(events)
    for table in (instances, answers, turns):
        table.replace()
    return columns


def _turns(rows: Iterable[Row]) -> Iterator[tuple[Row, int]]:
    for row in rows:
        for turn in turn_rows(row):
            yield turn, size_of(turn)


def _batches(rows: Iterable[tuple[Row, int]], most: int) -> Iterator[list[Row]]:
    """Rows that stand in one row group: at most ``most``, and bounded by bytes."""
    batch: list[Row] = []
    total = 0
    for row, size in rows:
        if batch and (len(batch) == most or total + size > _GROUP_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(row)
        total += size
    if batch:
        yield batch


class _Table:
    """A Parquet file being written; a row group is what is written at once.

    One that is ``optional`` is only there where something is written to it.
    """

    def __init__(self, path: Path, arrow: pa.Schema, *, optional: bool = False) -> None:
        self.path, self.temporary = path, path.with_suffix(".tmp")
        self._arrow = arrow
        self._writer = None if optional else self._open()

    def _open(self) -> pq.ParquetWriter:
        self.path.parent.mkdir(exist_ok=True)
        writer = pq.ParquetWriter(self.temporary, self._arrow, **_PARQUET)
        footers.keep_place(writer)
        return writer

    def write(self, batch: Sequence[Row]) -> None:
        self._writer = self._writer or self._open()
        self._writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=self._arrow))

    def replace(self) -> None:
        """Put the file in its place, in one step, and on the disk: the journal, which it is made
        of, is removed."""
        if self._writer is not None:
            footers.seal_file(self.temporary)
            with self.temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(self.temporary, self.path)
        else:  # what an earlier command may have written
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _add_shown(row: Row) -> None:
    """Put what the table of instances shows of the first output into its row."""
    outputs = row["outputs"] or ()
    row["answered"] = bool(outputs)
    if not outputs:
        return
    text, found = outputs[0].get("text"), outputs[0].get("answer")
    if text is not None:
        row["text"] = text[:_HEAD]
    if found is not None:
        row["answer"] = extracted_text(found)
    elif (best := likeliest(row)) is not None:
        row["answer"] = best[0]


_PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "data_page_size": 4 << 20,
    "use_dictionary": ["outcome", "cluster", "reused_from", "type", "role", "tool"],
    "write_statistics": False,
    "write_page_checksum": True,  # a damaged page is told from a sound one
}
