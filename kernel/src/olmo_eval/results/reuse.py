"""Answers that earlier runs already have, found by the content of the request.

Only runs with the same ``reuse_key`` are looked at: the same model (by fingerprint), loaded the
same way by the same provider under the same harness. Within them a request is known by its hash,
which covers every byte that reaches the model and, for generation, how it samples, seed included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.common.types import Identity, LMOutput
from olmo_eval.errors import DataError
from olmo_eval.results import journal, schema
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.lookup import JournalReader, KeyedTable, RowReader
from olmo_eval.results.record import row_outputs
from olmo_eval.results.store import Run

_NOT_REUSED = frozenset({"infra_failed", "refused"})


@frozen
class KnownAnswer:
    """Outputs that need not be asked for, and the run they are from."""

    outputs: tuple[LMOutput, ...]
    run_id: str


class ReuseIndex:
    """Finds the outputs of answered requests, in the tables of runs and in the journals of those
    that were stopped. Built at first use."""

    def __init__(self, runs: Callable[[], Iterable[Run]]) -> None:
        self._runs = runs
        self._kept: list[tuple[str, KeyedTable, RowReader | JournalReader]] | None = None

    def __contains__(self, request_hash: str) -> bool:
        return any(table.find(request_hash) is not None for _, table, _ in self._all())

    @property
    def empty(self) -> bool:
        """Whether no request was answered."""
        return not self._all()

    def find(self, request_hash: str) -> KnownAnswer | None:
        """The answer to a request that was answered, or None."""
        for run_id, table, reader in self._all():
            row = table.find(request_hash)
            if row is not None:
                return KnownAnswer(row_outputs(reader.read(table.path, row)), run_id)
        return None

    def _all(self) -> list[tuple[str, KeyedTable, RowReader | JournalReader]]:
        if self._kept is None:
            rows, lines = RowReader(), JournalReader()
            self._kept = []
            for run in self._runs():
                self._kept += [(run.run_id, table, rows) for table in _tables(run)]
                self._kept += [(run.run_id, table, lines) for table in _journal(run)]
        return self._kept


def _journal(run: Run) -> Iterable[KeyedTable]:
    """The answers of a run that was stopped, by the place of their line."""
    path = RunFolder(Path(run.location)).journal
    if "://" in run.location or run.record.get("status") == "complete":
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


def _tables(run: Run) -> Iterable[KeyedTable]:
    for name in run.task_names:
        try:
            columns = run.instances(name, ["request_hash", "outcome"])
        except DataError:
            continue  # not finished, or not readable: nothing to reuse from it
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
        if run.record.get(key) == record[key] and run.run_id != record.get("run_id")
    ]
