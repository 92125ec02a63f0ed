"""Reading runs: on local disk or at any ``s3://`` or ``gs://`` URL, with pyarrow alone."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import DataError, MissingDependencyError, UnknownNameError, UsageError
from olmo_eval.results.facts import RunFacts, facts_of, read_record
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.index import Index
from olmo_eval.results.locking import is_locked, is_this_host
from olmo_eval.results.suitenode import SuiteNode

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from olmo_eval.results.summary import Score

#: rows of an instance table that are read at once
_ROWS_AT_ONCE = 500


def default_results() -> str:
    """Where results are unless said otherwise: ``OLMO_EVAL_RESULTS``, else ``./results``."""
    return os.environ.get("OLMO_EVAL_RESULTS", "results")


@frozen(slots=False, eq=False)
class Run:
    """A run that can be read.

    ``record`` is the content of its ``run.json``: given, or read when it is first asked for. What
    the index knows of the run, ``facts``, is known without it. Runs are equal where their places
    are.
    """

    location: str
    _record: dict[str, Any] | None = field(default=None, repr=False)
    _facts: RunFacts | None = field(default=None, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.location == other.location

    def __hash__(self) -> int:
        return hash(self.location)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The content of ``run.json``.

        Raises:
            DataError: it cannot be read (any more).
        """
        return open_run(self.location).record if self._record is None else self._record

    @cached_property
    def facts(self) -> RunFacts:
        """What ``run.json`` says of the run in short."""
        if self._record is None and self._facts is not None:
            return self._facts
        return facts_of(self.record)

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
        """What ``run.json`` says of a task. Raises UnknownNameError."""
        self._check_task(name)
        return next(dict(e) for e in self.record["tasks"] if e["name"] == name)

    def _check_task(self, name: str) -> None:
        if name not in self.task_names:
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
        """One task's instance table, or some columns of it (``values.accuracy:exact_match``)."""
        from olmo_eval.results import schema

        self._check_task(task)
        return self._read(f"instances/{schema.file_name(task)}.parquet", columns)

    def rows(self, task: str) -> Iterator[dict[str, Any]]:
        """One task's instances, row by row; a few of them are in memory at once."""
        from olmo_eval.results import schema

        self._check_task(task)
        with self._table(f"instances/{schema.file_name(task)}.parquet") as table:
            for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from batch.to_pylist()

    def _read(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        with self._table(name) as table:
            return table.read(columns=list(columns) if columns is not None else None)

    @contextmanager
    def _table(self, name: str) -> Iterator[pq.ParquetFile]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from olmo_eval.results.version import check_version

        filesystem, path = open_filesystem(self.location)
        where = f"{self.location}/{name}"
        try:
            with filesystem.open_input_file(f"{path}/{name}") as file:
                table = pq.ParquetFile(file)
                check_version(table.schema_arrow.metadata, where)
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
        if self.facts.status != "complete":
            return "rerun its command to finish it"
        if "://" not in self.location and RunFolder(Path(self.location)).journal.is_file():
            return "rerun its command to write it anew"
        return "its command with --fresh makes the run anew"

    def missing_tables(self) -> list[str]:
        """The tables that a finished run should have and has not."""
        from pyarrow import fs

        from olmo_eval.results import schema

        filesystem, path = open_filesystem(self.location)
        names = [f"instances/{schema.file_name(task)}.parquet" for task in self.task_names]
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


@frozen
class Listing:
    """Runs that were asked for, oldest first, and what is wrong with each ``run.json`` of the
    store that no run can be made of.
    """

    runs: list[Run]
    unreadable: list[DataError]


class Store:
    """All runs below a results folder or URL."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/") if "://" in location else location
        self._index = Index(self.location)

    def listing(self, wanted: Mapping[str, str] | None = None, *, refresh: bool = False) -> Listing:
        """The runs that match every key (``model``, ``group``, ``task``, ...).

        The index answers; ``refresh`` reads every ``run.json`` anew.

        Raises:
            DataError: the store cannot be listed.
        """
        asked = dict(wanted or {})
        status = asked.pop("status", None)
        found = self._index.find(asked, refresh=refresh)
        runs = [Run(f"{self.location}/runs/{name}", facts=f) for name, f in found.runs]
        if status is not None:  # a killed run is recorded as running
            runs = [run for run in runs if run.status == status]
        return Listing(runs, found.unreadable)

    def runs(self) -> list[Run]:
        """Every run, oldest first. Those that cannot be read are left out: see ``unreadable``."""
        return self.listing().runs

    def unreadable(self) -> list[DataError]:
        """What is wrong with each run.json that no run can be made of."""
        return self.listing().unreadable

    def select(self, wanted: Mapping[str, str]) -> list[Run]:
        """The runs that match every key (``model``, ``group``, ``task``, ...), oldest first."""
        return self.listing(wanted).runs

    def primary_scores(self, runs: Sequence[Run]) -> list[list[PrimaryScore]]:
        """The primary scores of each of ``runs``, suites first; none where a run has no tables.

        Each run's table is read once, when it is first asked for.
        """
        folders = [run.location.rpartition("/")[2] for run in runs]
        kept = self._index.scores(folders)
        read = {}
        for run, folder in zip(runs, folders, strict=True):
            if folder not in kept and run.facts.status in _WITH_TABLES:
                rows = primary_rows(run)
                if rows is not None:
                    kept[folder] = read[folder] = rows
        self._index.keep_scores(read)
        return [[PrimaryScore(*row) for row in kept.get(folder, ())] for folder in folders]

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
        return self._one(matches, reference)

    def _query(self, query: str) -> Run:
        wanted: dict[str, str] = {}
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
            elif wanted.setdefault(key, value) != value:
                return self._one([], query)  # two values of one key
        matches = self.select(wanted)
        return self._one(matches[-1:] if latest else matches, query)

    def _one(self, matches: Sequence[Run], reference: str) -> Run:
        if not matches:
            listing = self.listing()
            for error in listing.unreadable:
                if f"/runs/{reference}" in error.message:
                    raise error
            known = [run.run_id for run in listing.runs]
            way = f"`olmo-eval results list --results {self.location}`"
            if self.select({"model": reference}):
                way = f"for the newest run of that model: model={reference},latest"
            hint = did_you_mean(reference, known, otherwise=way)
            raise UnknownNameError(f"no run {reference!r} in {self.location}", hint=hint)
        if len(matches) > 1:
            names = ", ".join(run.run_id for run in matches[-5:])
            raise UsageError(
                f"{reference!r} names {len(matches)} runs: {names}",
                hint="give more of the id, or add ,latest",
            )
        return matches[0]


#: how runs stand that have written their tables
_WITH_TABLES = frozenset({"complete", "incomplete", "diverged"})
_QUERIES = ("model", "group", "name", "task", "step", "status")


@frozen
class PrimaryScore:
    """The score that stands for a task or suite, with its interval where it has one."""

    name: str
    kind: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None


def primary_rows(run: Run) -> list[list[Any]] | None:
    """What the index keeps of a run's primary scores, suites first; None where it has no tables
    that can be read."""
    if "://" not in run.location and not Path(run.location, "metrics.parquet").is_file():
        return None
    columns = [f.name for f in fields(PrimaryScore)]
    try:
        rows = run._read("metrics.parquet", [*columns, "primary"]).to_pylist()
    except DataError:
        return None
    primary = [row for row in rows if row["primary"]]
    primary.sort(key=lambda row: row["kind"] != "suite")
    return [[row[name] for name in columns] for row in primary]


class TaskTables:
    """Which runs have a table that may answer the requests of a task; nothing is read for it."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = sorted(runs, key=lambda run: run.facts.started, reverse=True)
        self._named: defaultdict[str, list[Run]] = defaultdict(list)
        self._alike: defaultdict[str, list[tuple[Run, str]]] = defaultdict(list)
        self._task_of: dict[str, str] = {}
        for run in self.runs:
            for name, task in run.facts.tasks:
                self._named[name].append(run)
                self._alike[task].append((run, name))
                self._task_of[name] = task

    def of(self, name: str) -> Iterator[tuple[Run, str]]:
        """Runs, newest first, each with the name of a task in it: first those that have a task of
        just this name, then those with another variant of it.
        """
        yield from ((run, name) for run in self._named.get(name, ()))
        task = self._task_of.get(name, re.split(r"[:\[]", name, maxsplit=1)[0])
        yield from ((run, other) for run, other in self._alike.get(task, ()) if other != name)


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
