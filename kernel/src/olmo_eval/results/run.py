"""Reading a run: on local disk or at any ``s3://`` or ``gs://`` URL, with pyarrow alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import DataError, UnknownNameError
from olmo_eval.extras import require
from olmo_eval.results.facts import RunFacts, check_record, facts_of, read_lock, read_record
from olmo_eval.results.folder import RunFolder, merged
from olmo_eval.results.locking import is_locked, is_this_host
from olmo_eval.results.naming import same_task
from olmo_eval.results.reading import (
    NoTableError,
    answers_of,
    columns_in,
    instances_of,
    some_rows,
    turns_of,
    unreadable,
)
from olmo_eval.results.suitenode import SuiteNode

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from olmo_eval.results.summary import Score

#: the version of the schema since when a run has a ``lock.json`` and tables of answers
_LOCK_SINCE = 2
#: rows of a batch
_BATCH = 2_000


@frozen(slots=False, eq=False)
class Run:
    """A run that can be read.

    ``summary`` is the content of its ``run.json``: given, or read when it is first asked for. What
    the index knows of the run, ``facts``, is known without it. Runs are equal where their places
    are.
    """

    location: str
    _summary: dict[str, Any] | None = field(default=None, repr=False)
    _facts: RunFacts | None = field(default=None, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.location == other.location

    def __hash__(self) -> int:
        return hash(self.location)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The content of ``run.json``.

        Raises:
            DataError: it cannot be read (any more).
        """
        return open_run(self.location).summary if self._summary is None else self._summary

    @cached_property
    def record(self) -> dict[str, Any]:
        """``run.json`` and ``lock.json`` together: every input and every resolved configuration.

        Raises:
            DataError: one of them cannot be read.
        """
        if self.version < _LOCK_SINCE:
            return self.summary
        return check_record(merged(self.summary, read_lock(self.location)), self.location)

    @property
    def version(self) -> int:
        """The version of the schema that the run was written in."""
        return int(self.summary.get("schema_version", 1))

    @property
    def scoring(self) -> Mapping[str, str]:
        """For each task the digest of what decides its scores, where that was recorded."""
        found: Mapping[str, str] = self.record.get("lock", {}).get("scoring", {})
        return found

    @cached_property
    def facts(self) -> RunFacts:
        """What ``run.json`` says of the run in short."""
        if self._summary is None and self._facts is not None:
            return self._facts
        return facts_of(self.summary)

    @property
    def run_id(self) -> str:
        return self.facts.run_id

    @property
    def model(self) -> str:
        return self.facts.model

    @property
    def status(self) -> str:
        """How the run stands: as recorded, or ``killed`` where it was running on this machine
        and nobody makes it any more."""
        recorded = self.facts.status
        if recorded != "running" or "://" in self.location:
            return recorded
        root = Path(self.location).resolve().parent.parent
        gone = is_this_host(self.facts.host, root) and not is_locked(root, self.facts.identity)
        return "killed" if gone else recorded

    @property
    def task_names(self) -> list[str]:
        return self.facts.task_names

    def task_record(self, name: str) -> dict[str, Any]:
        """What is recorded of a task: its configuration, metrics, outcomes, health.

        Raises:
            UnknownNameError: the run has no such task.
        """
        name = self._named(name)
        return next(dict(e) for e in self.record["tasks"] if e["name"] == name)

    def _named(self, name: str) -> str:
        """The task's whole name, of which what was overridden may be left out."""
        found = name if name in self.task_names else None
        if found is None and "[" not in name:
            found = same_task(self.task_names, name)
        if found is None:
            raise UnknownNameError(
                f"run {self.run_id} has no task {name!r}", hint=did_you_mean(name, self.task_names)
            )
        return found

    def suites(self) -> list[SuiteNode]:
        return [SuiteNode.from_dict(data) for data in self.record.get("suites", ())]

    def metrics(self) -> pa.Table:
        """The metrics table.

        Raises:
            DataError: the run has none yet, or it cannot be read.
        """
        return self._read("metrics.parquet", None)

    def to_arrow(self) -> pa.Table:
        """The metrics table."""
        return self.metrics()

    def to_pandas(self) -> Any:
        """The metrics table as a pandas frame (needs pandas)."""
        return frame(self.metrics())

    def scores(self) -> list[Score]:
        from olmo_eval.results.summary import Score

        names = {f.name for f in fields(Score)}
        rows = self.metrics().to_pylist()
        return [
            Score(
                **{
                    **{k: v for k, v in row.items() if k in names},
                    "variants": tuple(row["variants"]),
                }
            )
            for row in rows
        ]

    def instances(self, task: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One task's instances with their requests and outputs, or some columns of them
        (``values.accuracy:exact_match``), which are all that is read.

        Raises:
            UnknownNameError: the run has no such task. DataError: a table cannot be read.
        """
        import pyarrow as pa

        task = self._named(task)
        found: dict[str, pa.ChunkedArray] = {}
        left = columns
        for file in self._files_of(task):
            if left is not None and not left:
                break
            with self._table(file) as table:
                names = columns_in(table, left)
                if names is None or names:
                    part = table.read(columns=names)
                    found.update(zip(part.column_names, part.columns, strict=True))
            left = None if left is None else [name for name in left if name not in (names or ())]
        return pa.table(found)

    def rows(
        self,
        task: str,
        *,
        ids: Collection[str] | None = None,
        columns: Sequence[str] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """One task's instances with their requests and outputs, row by row, in the order of the
        data; a few of them are in memory at once.

        With ``ids`` only those, whose row groups alone are read; with ``columns`` only these. Who
        knows at which places of the table they stand, ascending, says so by ``numbers``, and no id
        is looked for.

        Raises:
            UnknownNameError, DataError: as for ``instances``.
        """
        task = self._named(task)
        with ExitStack() as stack:
            files = self._files_of(task)
            tables = [stack.enter_context(self._table(name)) for name in files]
            parts = [columns_in(table, columns) for table in tables]
            wanted = numbers if ids is None else self._numbers(task, ids)
            streams = [
                self._told_where(name, some_rows(table, names, wanted))
                for name, table, names in zip(files, tables, parts, strict=True)
                if names or columns is None
            ]
            for found in zip(*streams, strict=True):
                yield {k: v for part in found for k, v in part.items()}

    def rows_at(
        self, task: str, numbers: Sequence[int], columns: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Some columns of the instances at these places of the task's table, in that order of
        places, as they ascend; only their row groups are read.

        Raises:
            UnknownNameError, DataError: as for ``instances``.
        """
        found: list[dict[str, Any]] = [{} for _ in numbers]
        left = list(columns)
        for file in self._files_of(self._named(task)):
            if not left:
                break
            with self._table(file) as table:
                names = columns_in(table, left) or []
                for row, more in zip(found, some_rows(table, names, numbers), strict=names != []):
                    row.update(more)
            left = [name for name in left if name not in names]
        return found

    def batches(
        self, task: str, columns: Sequence[str], *, answers: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Columns of the table of a task's instances, or of their answers (``request``,
        ``outputs`` and what is in them, such as ``outputs.list.element.text``), some thousand
        rows at a time, in the same order.

        Raises:
            UnknownNameError, DataError: as for ``instances``.
        """
        task = self._named(task)
        with self._table(self._answers_of(task) if answers else instances_of(task)) as table:
            yield from table.iter_batches(batch_size=_BATCH, columns=list(columns))

    def turns(self, task: str, ids: Collection[str] | None = None) -> Iterator[dict[str, Any]]:
        """The events of one task's episodes, row by row (a row of ``turns/TASK.parquet`` each), in
        the order of the data; none where no episode was recorded.

        With ``ids`` only those of some instances, whose row groups alone are read.

        Raises:
            UnknownNameError, DataError: as for ``instances``.
        """
        from olmo_eval.results.turns import turn_rows

        task = self._named(task)
        if self.version < _LOCK_SINCE:  # a run that has them in its instances only
            columns = ["instance_id", "position", "outputs"]
            for row in self.rows(task, ids=ids, columns=columns):
                yield from turn_rows(row)
        elif self.task_record(task).get("events"):
            with self._table(turns_of(task)) as table:
                wanted = None if ids is None else _numbers_of(ids, table.read(["instance_id"]))
                yield from some_rows(table, None, wanted)

    def row_reader(self, task: str) -> Callable[[int], dict[str, Any]]:
        """A function that reads single instances of a task whole, by their place in its table."""
        from olmo_eval.results.lookup import RowReader

        files = self._files_of(task)
        readers = [(name, RowReader(f"{self.location}/{name}")) for name in files]

        def read(number: int) -> dict[str, Any]:
            row: dict[str, Any] = {}
            for name, reader in readers:
                with self._saying_where(name):
                    row.update(reader.read(number))
            return row

        return read

    def columns_of(self, task: str, *names: str) -> list[str]:
        """Those of ``names`` that the task's table of instances has: older ones lack some."""
        task = self._named(task)
        with self._table(instances_of(task)) as table:
            known = set(table.schema_arrow.names)
        return [name for name in names if name in known]

    def _answers_of(self, task: str) -> str:
        return answers_of(task) if self.version >= _LOCK_SINCE else instances_of(task)

    def _files_of(self, task: str) -> list[str]:
        """The files that hold a task's instances, row by row the same ones."""
        return list(dict.fromkeys((instances_of(task), self._answers_of(task))))

    def _numbers(self, task: str, ids: Collection[str]) -> list[int]:
        """Where the instances with these ids stand, in the order of the table."""
        return _numbers_of(ids, self.instances(task, ["instance_id"]))

    def _read(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        with self._table(name) as table:
            return table.read(columns=list(columns) if columns is not None else None)

    @contextmanager
    def _table(self, name: str) -> Iterator[pq.ParquetFile]:
        from olmo_eval.results import footers
        from olmo_eval.results.version import check_version

        filesystem, path = open_filesystem(self.location)
        where = f"{self.location}/{name}"
        with self._saying_where(name), filesystem.open_input_file(f"{path}/{name}") as file:
            table = footers.opened(file)
            check_version(table.schema_arrow.metadata, where)
            yield table

    @contextmanager
    def _saying_where(self, name: str) -> Iterator[None]:
        """In the block one of the run's tables is read; what fails names it."""
        import pyarrow as pa

        try:
            yield
        except FileNotFoundError as error:
            raise NoTableError(
                f"run {self.run_id} has no {name}: it is {self.status}", hint=self._way_out()
            ) from error
        except (OSError, pa.ArrowException) as error:
            raise unreadable(f"{self.location}/{name}", error) from error

    def _told_where(self, name: str, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """``rows`` of one of several tables that are read side by side."""
        with self._saying_where(name):
            yield from rows

    def _way_out(self) -> str:
        """How a table that is missing is made."""
        if self.facts.status != "complete":
            return "rerun its command to finish it"
        if "://" not in self.location and RunFolder(Path(self.location)).journal.is_file():
            return "rerun its command to write it anew"
        return "its command with --fresh makes the run anew"

    def missing_tables(self) -> list[str]:
        """The tables that a finished run should have and has not."""
        from pyarrow import fs

        filesystem, path = open_filesystem(self.location)
        names = [name for task in self.task_names for name in self._files_of(task)]
        names += [turns_of(e["name"]) for e in self.record["tasks"] if e.get("events")]
        names.append("metrics.parquet")
        found = filesystem.get_file_info([f"{path}/{name}" for name in names])
        return [
            name
            for name, info in zip(names, found, strict=True)
            if info.type is not fs.FileType.File
        ]


def _numbers_of(ids: Collection[str], table: pa.Table) -> list[int]:
    """The numbers of the rows whose ``instance_id`` is one of ``ids``; they ascend."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.is_in(table.column("instance_id"), value_set=pa.array(list(ids), pa.string()))
    return [int(i) for i in np.flatnonzero(np.asarray(found))]


def frame(table: pa.Table) -> Any:
    """A table as a pandas frame.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    require("pandas", "pip install 'olmo-eval[pandas]'", "a pandas frame needs pandas")
    return table.to_pandas()


def open_run(location: str) -> Run:
    """The run in a folder or at a URL.

    Raises:
        DataError: there is no readable run.
    """
    place = location.rstrip("/")
    try:
        return Run(place, read_record(place))
    except FileNotFoundError as error:
        raise DataError(f"{location} holds no run.json") from error
