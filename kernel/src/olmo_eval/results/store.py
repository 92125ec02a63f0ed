"""All runs below a results folder or URL: found, listed, queried."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import fields, frozen

from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import DataError, UnknownNameError, UsageError
from olmo_eval.results.folder import WITH_TABLES
from olmo_eval.results.index import Index
from olmo_eval.results.naming import same_task
from olmo_eval.results.run import Run as Run
from olmo_eval.results.run import frame as frame
from olmo_eval.results.run import open_run as open_run


def default_results() -> str:
    """Where results are unless said otherwise: ``OLMO_EVAL_RESULTS``, else ``./results``."""
    return os.environ.get("OLMO_EVAL_RESULTS", "results")


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
            if folder not in kept and run.facts.status in WITH_TABLES:
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
        return self.find_here(reference)

    def find_here(self, reference: str) -> Run:
        """``find`` among the runs of this store alone: no path and no URL is opened.

        Raises:
            UnknownNameError: there is none. UsageError: there are several.
        """
        if is_query(reference):
            return self._query(reference)
        runs = self.runs()
        matches = [run for run in runs if run.run_id == reference] or [
            run for run in runs if run.run_id.startswith(reference)
        ]
        if not matches:
            matches = [run for run in runs if run.run_id.rsplit("-", 1)[-1].startswith(reference)]
        return self._one(matches, reference)

    def find_all(self, query: str) -> list[Run]:
        """Every run that a query such as ``group=nightly,task=gsm8k`` names, oldest first; with
        ``latest`` the newest of them.

        A run that was scored again does not stand for the run it was made of: only
        ``kind=rescore`` finds it.

        Raises:
            UsageError: it is no query.
        """
        wanted, latest = self._wanted(query)
        matches = [] if wanted is None else self.select(wanted)
        if wanted is not None and "kind" not in wanted:
            matches = [run for run in matches if run.facts.kind != "rescore"]
        return matches[-1:] if latest else matches

    def _query(self, query: str) -> Run:
        return self._one(self.find_all(query), query)

    def _wanted(self, query: str) -> tuple[dict[str, str] | None, bool]:
        """What a query asks for, None where nothing can match, and whether for the latest alone."""
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
                return None, latest  # two values of one key
        return wanted, latest

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
            elif is_query(reference) and self.find_all(f"{reference},kind=rescore"):
                way = f"runs that were scored again are asked for: {reference},kind=rescore"
            hint = did_you_mean(reference, known, otherwise=way)
            raise UnknownNameError(f"no run {reference!r} in {self.location}", hint=hint)
        if len(matches) > 1:
            names = ", ".join(run.run_id for run in matches[-5:])
            raise UsageError(
                f"{reference!r} names {len(matches)} runs: {names}",
                hint="give more of the id, or add ,latest",
            )
        return matches[0]


_QUERIES = ("model", "group", "name", "task", "step", "status", "kind")


def checkpoints(runs: Sequence[Run], tasks: Sequence[str] = ()) -> list[Run]:
    """The finished ones of ``runs`` (oldest first) that have all of ``tasks``, in the order of
    steps; of several that were made of the same request the newest.
    """
    newest: dict[str, Run] = {}
    for run in runs:
        names = run.task_names
        if run.status in WITH_TABLES and all(same_task(names, task) for task in tasks):
            newest[run.facts.identity or run.run_id] = run
    return sorted(
        newest.values(), key=lambda r: (r.facts.step is None, r.facts.step or 0, r.facts.started)
    )


def is_query(reference: str) -> bool:
    """Whether it asks for runs by what they are, rather than names one."""
    return "=" in reference or reference == "latest"


@frozen
class PrimaryScore:
    """The score that stands for a task or suite, with its interval where it has one; or, of kind
    ``anchored``, what all questions of a task would score as it is estimated."""

    name: str
    kind: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None


def primary_rows(run: Run) -> list[list[Any]] | None:
    """What the index keeps of a run's primary scores, suites first, and of its estimates for all
    questions (of kind ``anchored``), last; None where it has no tables that can be read."""
    if "://" not in run.location and not Path(run.location, "metrics.parquet").is_file():
        return None
    columns = [f.name for f in fields(PrimaryScore)]
    try:
        rows = run._read("metrics.parquet", [*columns, "primary"]).to_pylist()
    except DataError:
        return None
    primary = [row for row in rows if row["primary"] or row["kind"] == "anchored"]
    primary.sort(key=lambda row: (row["kind"] == "anchored", row["kind"] != "suite"))
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
