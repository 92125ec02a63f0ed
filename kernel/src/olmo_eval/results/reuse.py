"""Answers that earlier runs already have, found by the content of the request.

Only runs with the same ``reuse_key`` are looked at: the same model (by fingerprint), loaded the
same way by the same provider under the same harness. Within them a request is known by its hash,
which covers every byte that reaches the model and, for generation, how it samples, seed included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from olmo_eval.common.types import LMOutput
from olmo_eval.errors import DataError
from olmo_eval.results import schema
from olmo_eval.results.lookup import KeyedTable, RowReader
from olmo_eval.results.record import row_outputs
from olmo_eval.results.store import Run

_NOT_REUSED = frozenset({"infra_failed", "refused"})


class ReuseIndex:
    """Finds the outputs of answered requests. Built at first use."""

    def __init__(self, runs: Callable[[], Iterable[Run]]) -> None:
        self._runs = runs
        self._tables: list[KeyedTable] | None = None
        self._reader = RowReader()

    def __contains__(self, request_hash: str) -> bool:
        return any(table.find(request_hash) is not None for table in self.tables())

    def find(self, request_hash: str) -> tuple[LMOutput, ...] | None:
        """The outputs of an answered request, or None."""
        for table in self.tables():
            row = table.find(request_hash)
            if row is not None:
                return row_outputs(self._reader.read(table.path, row))
        return None

    def tables(self) -> list[KeyedTable]:
        if self._tables is None:
            self._tables = [t for run in self._runs() for t in _tables(run)]
        return self._tables


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


def runs_to_reuse(runs: Sequence[Run], reuse_key: str, without: str) -> list[Run]:
    """The runs whose answers can stand for those of a run with ``reuse_key``, newest first."""
    return [
        run
        for run in reversed(runs)
        if run.record.get("reuse_key") == reuse_key and run.run_id != without
    ]
