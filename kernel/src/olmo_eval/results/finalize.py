"""From the journal to the tables: streamed, atomic, repeatable.

The journal is in the order in which instances finished; tables are in the order of the data. So
the journal is read once to find where each instance's last answer and score stand, and then record
by record in the order of the tables. Memory holds a few numbers an instance, never its text.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.results import journal, schema
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.health import Tally
from olmo_eval.results.readable import extracted_text, likeliest
from olmo_eval.results.record import SCORE, Row, joined
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
    key of the metric that stands for it.
    """

    name: str
    metrics: tuple[Metric, ...]
    scorers: tuple[str, ...]
    primary: str


@define
class _Places:
    """Where the last records of each instance of a task stand in the journal; -1 is nowhere."""

    order: dict[str, int] = field(factory=dict)
    positions: list[int] = field(factory=list)
    answers: list[int] = field(factory=list)
    scores: list[int] = field(factory=list)

    def put(self, record: Row, offset: int) -> None:
        name = record["instance_id"]
        index = self.order.setdefault(name, len(self.positions))
        if index == len(self.positions):
            self.positions.append(-1)
            self.answers.append(-1)
            self.scores.append(-1)
        if record.get("kind") == SCORE:
            self.scores[index] = offset
        else:
            self.positions[index] = record["position"]
            self.answers[index], self.scores[index] = offset, -1

    def in_order(self) -> list[tuple[int, int]]:
        """The places of answers and scores, in the order of the data."""
        order = sorted(range(len(self.positions)), key=self.positions.__getitem__)
        return [(self.answers[i], self.scores[i]) for i in order if self.answers[i] >= 0]


def write_tables(
    journal_path: Path, folder: Path, tasks: Sequence[TaskMeta]
) -> dict[str, TaskColumns]:
    """Write the tables of every task's instances and answers; returns each task's metric columns.

    Records of tasks that are not listed are left out. Rewriting gives the same bytes' meaning.
    """
    places: dict[str, _Places] = {task.name: _Places() for task in tasks}
    for offset, _, record in journal.read(journal_path):
        if record is not None and record.get("task") in places:
            places[record["task"]].put(record, offset)
    columns: dict[str, TaskColumns] = {}
    for task in tasks:
        rows = _rows(journal_path, places[task.name].in_order())
        keys = [metric.key for metric in task.metrics]
        unconditional = any(metric.needs_unconditional for metric in task.metrics)
        tally = Tally(task.primary, unconditional=unconditional)
        columns[task.name] = write_task(folder, task.name, keys, task.scorers, rows, tally)
    return columns


def _rows(path: Path, places: Sequence[tuple[int, int]]) -> Iterator[tuple[Row, int]]:
    """Each instance's row, with the bytes it has in the journal."""
    if not places:
        return
    with path.open("rb") as file:
        for answer_at, score_at in places:
            answer, size = _read(file, answer_at)
            score, more = _read(file, score_at) if score_at >= 0 else (None, 0)
            if answer is not None:
                yield joined(answer, score), size + more


def _read(file: Any, offset: int) -> tuple[Row | None, int]:
    file.seek(offset)
    line = file.readline()
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
        return pq.ParquetWriter(self.temporary, self._arrow, **_PARQUET)

    def write(self, batch: Sequence[Row]) -> None:
        self._writer = self._writer or self._open()
        self._writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=self._arrow))

    def replace(self) -> None:
        """Put the file in its place, in one step, and on the disk: the journal, which it is made
        of, is removed."""
        if self._writer is not None:
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
}
