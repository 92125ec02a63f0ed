"""Answers that earlier runs already have, found by the content of the request.

Only runs with the same ``reuse_key`` are looked at: the same model (by fingerprint), loaded the
same way by the same provider under the same harness. Within them a request is known by its hash,
which covers every byte that reaches the model and, for generation, how it samples, seed included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.common.types import Identity, LMOutput
from olmo_eval.errors import DataError
from olmo_eval.results import journal, schema
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.lookup import JournalReader, KeyedTable, RowReader
from olmo_eval.results.record import row_outputs
from olmo_eval.results.store import Run, TaskTables

_NOT_REUSED = frozenset({"infra_failed", "refused"})


@frozen
class KnownAnswer:
    """Outputs that need not be asked for, and the run they are from."""

    outputs: tuple[LMOutput, ...]
    run_id: str


class ReuseIndex:
    """Finds the outputs of answered requests, in the tables of runs and in the journals of those
    that were stopped. A table is read when a request of its task was in no newer one."""

    def __init__(self, runs: Callable[[], Iterable[Run]]) -> None:
        self._runs = runs
        self._rows, self._lines = RowReader(), JournalReader()
        self._tables: dict[str, _Read] = {}

    def known(self, request_hash: str, task: str) -> bool:
        """Whether a request of ``task`` (its name in a run) was answered."""
        return any(table.find(request_hash) is not None for _, table, _ in self._of(task))

    @property
    def empty(self) -> bool:
        """Whether no request was answered."""
        names = {name for run in self._all.runs for name in run.task_names}
        return not any(True for name in names for _ in self._of(name))

    def find(self, request_hash: str, task: str) -> KnownAnswer | None:
        """The answer to a request of ``task`` (its name in a run) that was answered, or None."""
        for run_id, table, reader in self._of(task):
            row = table.find(request_hash)
            if row is not None:
                return KnownAnswer(row_outputs(reader.read(table.path, row)), run_id)
        return None

    @cached_property
    def _all(self) -> TaskTables:
        return TaskTables(self._runs())

    @cached_property
    def _journals(self) -> _Read:
        return _Read(
            (run.run_id, table, self._lines) for run in self._all.runs for table in _journal(run)
        )

    def _of(self, task: str) -> Iterable[_Keyed]:
        if task not in self._tables:
            self._tables[task] = _Read(
                (run.run_id, table, self._rows)
                for run, name in self._all.of(task)
                for table in _table(run, name)
            )
        return chain(self._tables[task], self._journals)


_Keyed = tuple[str, KeyedTable, RowReader | JournalReader]


class _Read:
    """Tables that are read one by one, as far as somebody looks, and kept."""

    def __init__(self, tables: Iterator[_Keyed]) -> None:
        self._read: list[_Keyed] = []
        self._rest = tables

    def __iter__(self) -> Iterator[_Keyed]:
        place = 0
        while True:
            if place == len(self._read):
                following = next(self._rest, None)
                if following is None:
                    return
                self._read.append(following)
            yield self._read[place]
            place += 1


def _journal(run: Run) -> Iterable[KeyedTable]:
    """The answers of a run that was stopped, by the place of their line."""
    path = RunFolder(Path(run.location)).journal
    if "://" in run.location or run.facts.status == "complete":
        return
    places: dict[str, int] = {}
    for offset, _, row in journal.read(path):
        if row is None or not row.get("request_hash"):
            continue
        if row.get("outcome") in _NOT_REUSED:
            places.pop(row["request_hash"], None)
        else:
            places[row["request_hash"]] = offset
    if places:
        yield KeyedTable(str(path), places, list(places.values()))


def _table(run: Run, name: str) -> Iterable[KeyedTable]:
    try:
        columns = run.instances(name, ["request_hash", "outcome"])
    except DataError:
        return  # not finished, or not readable: nothing to reuse from it
    outcomes = columns.column("outcome").to_pylist()
    rows = [i for i, outcome in enumerate(outcomes) if outcome not in _NOT_REUSED]
    hashes = columns.column("request_hash").take(rows).to_pylist()
    if rows:
        yield KeyedTable(instance_file(run, name), hashes, rows)


def instance_file(run: Run, task: str) -> str:
    return f"{run.location}/instances/{schema.file_name(task)}.parquet"


def runs_to_reuse(
    runs: Sequence[Run], record: Mapping[str, Any], *, by_name: bool = False
) -> list[Run]:
    """The runs whose answers can stand for those of the run that ``record`` describes, newest
    first.

    Where its model is known by name alone, a name does not say which weights answered: then only
    runs of the same command count, whose scoring may differ, unless ``by_name`` says otherwise.
    """
    named = Identity.of(record["model"]) in (Identity.NAME, Identity.SERVICE)
    strict = named and not by_name
    key = "ask_key" if strict else "reuse_key"
    return [
        run
        for run in reversed(runs)
        if getattr(run.facts, key) == record[key] and run.run_id != record.get("run_id")
    ]
