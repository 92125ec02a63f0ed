"""Reading runs: on local disk or at any ``s3://`` or ``gs://`` URL, with pyarrow alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import field, fields, frozen
from pyarrow import fs

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import DataError, MissingDependencyError, UnknownNameError, UsageError
from olmo_eval.results import schema
from olmo_eval.results.folder import LOCK, RunFolder, merged
from olmo_eval.results.locking import is_locked, is_this_host
from olmo_eval.results.lookup import RowReader
from olmo_eval.results.reading import answers_of, columns_in, instances_of, some_rows
from olmo_eval.results.suites import SuiteNode
from olmo_eval.results.summary import Score

#: the version of the schema since when a run has a ``lock.json`` and tables of answers
_LOCK_SINCE = 2


def default_results() -> str:
    """Where results are unless said otherwise: ``OLMO_EVAL_RESULTS``, else ``./results``."""
    return os.environ.get("OLMO_EVAL_RESULTS", "results")


def publish(folder: Path, results: str) -> str:
    """Copy a finished run from its staging folder to ``results``; ``run.json`` goes last.

    Raises:
        DataError: the location cannot be written; the staged run stays where it is.
    """
    filesystem, root = open_filesystem(results)
    target = f"{root}/runs/{folder.name}"
    journal, last = folder / "journal", folder / "run.json"
    files = sorted(
        (p for p in folder.rglob("*") if p.is_file() and journal not in p.parents),
        key=lambda p: (p == last, str(p)),
    )
    try:
        for path in files:
            name = f"{target}/{path.relative_to(folder).as_posix()}"
            filesystem.create_dir(name.rpartition("/")[0], recursive=True)
            with path.open("rb") as file, filesystem.open_output_stream(name) as stream:
                shutil.copyfileobj(file, stream, 1 << 20)
    except OSError as error:
        kept, way = f"they are kept in {folder}", way_out(error)
        raise DataError(
            f"cannot write results to {results}: {error}", hint=f"{kept}; {way}" if way else kept
        ) from error
    return f"{results.rstrip('/')}/runs/{folder.name}"


@frozen(slots=False)
class Run:
    """A run that can be read. ``summary`` is the content of its ``run.json``."""

    location: str
    summary: dict[str, Any] = field(repr=False)

    @property
    def run_id(self) -> str:
        return str(self.summary["run_id"])

    @property
    def model(self) -> str:
        return str(self.summary.get("model", {}).get("name", ""))

    @property
    def status(self) -> str:
        """How the run stands: as recorded, or ``killed`` where it was running on this machine
        and nobody makes it any more."""
        recorded = str(self.summary.get("status", "unknown"))
        if recorded != "running" or "://" in self.location:
            return recorded
        sessions = self.summary.get("sessions") or [{}]  # of version 1
        host = self.summary.get("host", sessions[-1].get("host"))
        root = Path(self.location).resolve().parent.parent
        gone = is_this_host(host, root) and not is_locked(root, str(self.summary.get("identity")))
        return "killed" if gone else recorded

    @cached_property
    def record(self) -> dict[str, Any]:
        """``run.json`` and ``lock.json`` together: every input and every resolved configuration.

        Raises:
            DataError: ``lock.json`` cannot be read.
        """
        if self.version < _LOCK_SINCE:
            return self.summary
        filesystem, path = open_filesystem(self.location)
        try:
            with filesystem.open_input_stream(f"{path}/{LOCK}") as stream:
                lock = orjson.loads(stream.read())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.location}/{LOCK} cannot be read: {error}", hint=way_out(error)
            ) from error
        return check_record(merged(self.summary, lock), self.location)

    @property
    def version(self) -> int:
        """The version of the schema that the run was written in."""
        return int(self.summary.get("schema_version", 1))

    @property
    def scoring(self) -> Mapping[str, str]:
        """For each task the digest of what decides its scores, where that was recorded."""
        found: Mapping[str, str] = self.record.get("lock", {}).get("scoring", {})
        return found

    @property
    def task_names(self) -> list[str]:
        return [entry["name"] for entry in self.summary.get("tasks", ())]

    def task_record(self, name: str) -> dict[str, Any]:
        """What is recorded of a task: its configuration, metrics, outcomes, health.

        Raises:
            UnknownNameError: the run has no such task.
        """
        for entry in self.record.get("tasks", ()):
            if entry["name"] == name:
                return dict(entry)
        raise UnknownNameError(
            f"run {self.run_id} has no task {name!r}", hint=did_you_mean(name, self.task_names)
        )

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
        self._check(task)
        found: dict[str, pa.ChunkedArray] = {}
        for file in self._files_of(task):
            with self._table(file) as table:
                names = columns_in(table, columns)
                if names is None or names:
                    part = table.read(columns=names)
                    found.update(zip(part.column_names, part.columns, strict=True))
        return pa.table(found)

    def rows(
        self,
        task: str,
        *,
        ids: Collection[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """One task's instances with their requests and outputs, row by row, in the order of the
        data; a few of them are in memory at once.

        With ``ids`` only those, whose row groups alone are read; with ``columns`` only these.

        Raises:
            UnknownNameError, DataError: as for ``instances``.
        """
        self._check(task)
        with ExitStack() as stack:
            tables = [stack.enter_context(self._table(name)) for name in self._files_of(task)]
            parts = [columns_in(table, columns) for table in tables]
            wanted = None if ids is None else self._numbers(task, ids)
            streams = [
                some_rows(table, names, wanted)
                for table, names in zip(tables, parts, strict=True)
                if names or columns is None
            ]
            for found in zip(*streams, strict=True):
                yield {k: v for part in found for k, v in part.items()}

    def row_reader(self, task: str) -> Callable[[int], dict[str, Any]]:
        """A function that reads single instances of a task whole, by their place in its table."""
        readers = [RowReader(f"{self.location}/{name}") for name in self._files_of(task)]

        def read(number: int) -> dict[str, Any]:
            return {k: v for reader in readers for k, v in reader.read(number).items()}

        return read

    def columns_of(self, task: str, *names: str) -> list[str]:
        """Those of ``names`` that the task's table of instances has: older ones lack some."""
        self._check(task)
        with self._table(instances_of(task)) as table:
            known = set(table.schema_arrow.names)
        return [name for name in names if name in known]

    def _check(self, task: str) -> None:
        if task not in self.task_names:
            raise UnknownNameError(
                f"run {self.run_id} has no task {task!r}",
                hint=did_you_mean(task, self.task_names),
            )

    def _answers_of(self, task: str) -> str:
        return answers_of(task) if self.version >= _LOCK_SINCE else instances_of(task)

    def _files_of(self, task: str) -> list[str]:
        """The files that hold a task's instances, row by row the same ones."""
        return list(dict.fromkeys((instances_of(task), self._answers_of(task))))

    def _numbers(self, task: str, ids: Collection[str]) -> list[int]:
        """Where the instances with these ids stand, in the order of the table."""
        found = pc.is_in(
            self.instances(task, ["instance_id"]).column("instance_id"),
            value_set=pa.array(list(ids), pa.string()),
        )
        return [int(i) for i in np.flatnonzero(np.asarray(found))]

    def _read(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        with self._table(name) as table:
            return table.read(columns=list(columns) if columns is not None else None)

    @contextmanager
    def _table(self, name: str) -> Iterator[pq.ParquetFile]:
        filesystem, path = open_filesystem(self.location)
        where = f"{self.location}/{name}"
        try:
            with filesystem.open_input_file(f"{path}/{name}") as file:
                table = pq.ParquetFile(file)
                schema.check_version(table.schema_arrow.metadata, where)
                yield table
        except FileNotFoundError as error:
            raise DataError(
                f"run {self.run_id} has no {name}: it is {self.status}", hint=self._way_out()
            ) from error
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"{where} cannot be read: {error}", hint="its command with --fresh makes it anew"
            ) from error

    def _way_out(self) -> str:
        """How a table that is missing is made."""
        if self.summary.get("status") != "complete":
            return "rerun its command to finish it"
        if "://" not in self.location and RunFolder(Path(self.location)).journal.is_file():
            return "rerun its command to write it anew"
        return "its command with --fresh makes the run anew"

    def missing_tables(self) -> list[str]:
        """The tables that a finished run should have and has not."""
        filesystem, path = open_filesystem(self.location)
        names = [name for task in self.task_names for name in self._files_of(task)]
        names.append("metrics.parquet")
        found = filesystem.get_file_info([f"{path}/{name}" for name in names])
        return [
            name
            for name, info in zip(names, found, strict=True)
            if info.type is not fs.FileType.File
        ]


def frame(table: pa.Table) -> Any:
    """A table as a pandas frame.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    try:
        import_module("pandas")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "a pandas frame needs pandas", hint="pip install 'olmo-eval[pandas]'"
        ) from error
    return table.to_pandas()


class Store:
    """All runs below a results folder or URL."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/") if "://" in location else location

    def runs(self) -> list[Run]:
        """Every run, oldest first. Those that cannot be read are left out: see ``unreadable``."""
        runs = [run for run in self._all() if isinstance(run, Run)]
        return sorted(runs, key=lambda run: str(run.summary.get("started", "")))

    def unreadable(self) -> list[DataError]:
        """What is wrong with each run.json that no run can be made of."""
        return [error for error in self._all() if isinstance(error, DataError)]

    def _all(self) -> Iterator[Run | DataError]:
        filesystem, root = open_filesystem(self.location)
        selector = fs.FileSelector(f"{root}/runs", allow_not_found=True)
        try:
            found = filesystem.get_file_info(selector)
        except OSError as error:
            raise DataError(
                f"cannot list the runs of {self.location}: {error}", hint=way_out(error)
            ) from error
        for path in sorted(i.path for i in found if i.type is fs.FileType.Directory):
            name = path.rstrip("/").rpartition("/")[2]
            if name.startswith("."):
                continue
            try:
                yield _open(filesystem, path, f"{self.location}/runs/{name}")
            except FileNotFoundError:
                continue  # a run that is about to begin
            except DataError as error:
                yield error

    def select(self, wanted: Mapping[str, str]) -> list[Run]:
        """The runs that match every key (``model``, ``group``, ``task``, ...), oldest first."""
        runs = self.runs()
        return [run for run in runs if all(_matches(run, k, v) for k, v in wanted.items())]

    def find(self, reference: str) -> Run:
        """The run that ``reference`` names.

        A path or URL of a run's folder, the beginning of its id, or a query such as
        ``model=step1000,group=nightly,latest`` (``latest`` takes the newest of several).

        Raises:
            UnknownNameError: there is none. UsageError: there are several.
        """
        if "://" in reference or Path(reference, "run.json").is_file():
            return open_run(reference)
        if "=" in reference or reference == "latest":
            return self._query(reference)
        runs = self.runs()
        matches = [run for run in runs if run.run_id == reference] or [
            run for run in runs if run.run_id.startswith(reference)
        ]
        if not matches:
            matches = [run for run in runs if run.run_id.rsplit("-", 1)[-1].startswith(reference)]
        return self._one(matches, reference, runs)

    def _query(self, query: str) -> Run:
        runs = matches = self.runs()
        latest = False
        for part in (p.strip() for p in query.split(",")):
            key, equals, value = part.partition("=")
            if part == "latest":
                latest = True
            elif not equals or key not in _QUERIES:
                raise UsageError(
                    f"bad run query {part!r}",
                    hint=f"use {', '.join(f'{k}=...' for k in _QUERIES)} and latest",
                )
            else:
                matches = [run for run in matches if _matches(run, key, value)]
        return self._one(matches[-1:] if latest else matches, query, runs)

    def _one(self, matches: Sequence[Run], reference: str, runs: Sequence[Run]) -> Run:
        if not matches:
            for error in self.unreadable():
                if f"/runs/{reference}" in error.message:
                    raise error
            known = [run.run_id for run in runs]
            listing = f"`olmo-eval results list --results {self.location}`"
            if any(_matches(run, "model", reference) for run in runs):
                listing = f"for the newest run of that model: model={reference},latest"
            hint = did_you_mean(reference, known, otherwise=listing)
            raise UnknownNameError(f"no run {reference!r} in {self.location}", hint=hint)
        if len(matches) > 1:
            names = ", ".join(run.run_id for run in matches[-5:])
            raise UsageError(
                f"{reference!r} names {len(matches)} runs: {names}",
                hint="give more of the id, or add ,latest",
            )
        return matches[0]


_QUERIES = ("model", "group", "name", "task", "step", "status")


def _matches(run: Run, key: str, value: str) -> bool:
    if key == "model":
        return value == run.model or value == run.model.rstrip("/").rsplit("/", 1)[-1]
    if key == "task":
        return value in run.task_names
    if key == "step":
        return str(run.summary.get("model", {}).get("step")) == value
    if key == "status":
        return run.status == value
    return str(run.summary.get(key)) == value


def open_run(location: str) -> Run:
    """The run in a folder or at a URL.

    Raises:
        DataError: there is no readable run.
    """
    filesystem, path = open_filesystem(location.rstrip("/"))
    try:
        return _open(filesystem, path, location.rstrip("/"))
    except FileNotFoundError as error:
        raise DataError(f"{location} holds no run.json") from error


def _open(filesystem: Any, path: str, location: str) -> Run:
    try:
        with filesystem.open_input_stream(f"{path}/run.json") as stream:
            record = orjson.loads(stream.read())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(
            f"{location}/run.json cannot be read: {error}", hint=way_out(error)
        ) from error
    return Run(location, check_record(record, location))


def check_record(record: Any, where: str) -> dict[str, Any]:
    """Refuse what is no ``run.json`` of this schema or an older one.

    Raises:
        DataError: saying what is wrong.
    """
    if not isinstance(record, dict) or not isinstance(record.get("run_id"), str):
        raise DataError(f"{where}/run.json is not a run of olmo-eval")
    schema.check_version({"olmo_eval_schema": record.get("schema_version")}, f"{where}/run.json")
    entries = record.get("tasks", [])
    if not isinstance(entries, Iterable) or not all(
        isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries
    ):
        raise DataError(f"{where}/run.json: 'tasks' is not a list of tasks")
    if not isinstance(record.get("model", {}), dict):
        raise DataError(f"{where}/run.json: 'model' is not an object")
    try:
        for suite in record.get("suites", ()):
            SuiteNode.from_dict(suite).leaves()
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{where}/run.json: 'suites' is not a list of suites") from error
    return record
