"""From the journal to the tables: streamed, atomic, repeatable.

The journal is in the order in which instances finished; tables are in the order of the data. So
the journal is read once to find where each instance's last record stands, and then record by
record in the order of the tables. Memory holds a few numbers an instance, never its text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.results import journal, schema
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.health import Tally

_ROWS_AT_ONCE = 2_000


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
    """Where the last record of each instance of a task stands in the journal."""

    order: dict[str, int] = field(factory=dict)
    positions: list[int] = field(factory=list)
    offsets: list[int] = field(factory=list)

    def put(self, instance_id: str, position: int, offset: int) -> None:
        index = self.order.setdefault(instance_id, len(self.positions))
        if index == len(self.positions):
            self.positions.append(position)
            self.offsets.append(offset)
        else:
            self.positions[index], self.offsets[index] = position, offset

    def in_order(self) -> list[int]:
        """Offsets in the order of the data."""
        order = sorted(range(len(self.positions)), key=self.positions.__getitem__)
        return [self.offsets[i] for i in order]


def write_tables(
    journal_path: Path, folder: Path, tasks: Sequence[TaskMeta]
) -> dict[str, TaskColumns]:
    """Write ``instances/TASK.parquet`` for every task; returns each task's metric columns.

    Records of tasks that are not listed are left out. Rewriting gives the same bytes' meaning.
    """
    places: dict[str, _Places] = {task.name: _Places() for task in tasks}
    for offset, _, record in journal.read(journal_path):
        if record is not None and record.get("task") in places:
            places[record["task"]].put(record["instance_id"], record["position"], offset)
    columns: dict[str, TaskColumns] = {}
    (folder / "instances").mkdir(exist_ok=True)
    for task in tasks:
        records = _records(journal_path, places[task.name].in_order())
        keys = [metric.key for metric in task.metrics]
        unconditional = any(metric.needs_unconditional for metric in task.metrics)
        tally = Tally(task.primary, unconditional=unconditional)
        columns[task.name] = write_task(folder, task.name, keys, task.scorers, records, tally)
    return columns


def _records(path: Path, offsets: Sequence[int]) -> Iterator[dict[str, Any]]:
    if not offsets:
        return
    with path.open("rb") as file:
        for offset in offsets:
            file.seek(offset)
            record = journal.decode(file.readline())
            if record is not None:
                yield record


def write_task(
    folder: Path,
    name: str,
    keys: Sequence[str],
    scorers: Sequence[str],
    records: Iterator[dict[str, Any]],
    tally: Tally | None = None,
) -> TaskColumns:
    """Write ``instances/TASK.parquet`` in one step; returns the columns of the metrics ``keys``.

    ``tally`` counts the task's health meanwhile.
    """
    arrow = schema.instance_schema(scorers, keys)
    columns = TaskColumns(keys, tally)
    final = folder / "instances" / f"{schema.file_name(name)}.parquet"
    temporary = final.with_suffix(".tmp")
    with pq.ParquetWriter(temporary, arrow, **_PARQUET) as writer:
        for batch in _batches(records):
            columns.extend(batch)
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=arrow))
    os.replace(temporary, final)
    return columns


#: zstd finds the few-shot examples that rows share when many rows stand in one page
_PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "data_page_size": 4 << 20,
    "use_dictionary": ["outcome", "cluster"],
    "write_statistics": False,
}


def _batches(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for record in records:
        batch.append(record)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
