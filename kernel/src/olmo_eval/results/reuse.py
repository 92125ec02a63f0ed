"""Answers that earlier runs already have, found by the content of the request.

Only runs with the same ``reuse_key`` are looked at: the same model (by fingerprint), loaded the
same way by the same provider under the same harness. Within them a request is known by its hash,
which covers every byte that reaches the model and, for generation, how it samples, seed included.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from attrs import frozen

from olmo_eval.errors import DataError
from olmo_eval.results import schema
from olmo_eval.results.record import Row
from olmo_eval.results.store import Run, open_filesystem

_NOT_REUSED = frozenset({"infra_failed", "refused"})
_GROUPS_KEPT = 8


@frozen
class _Table:
    """The reusable requests of one instance table: sorted hashes, and the row of each."""

    path: str
    hashes: npt.NDArray[np.bytes_]
    rows: npt.NDArray[np.int64]


class ReuseIndex:
    """Finds the kept row of a request. Built at first use; holds 40 bytes a known request."""

    def __init__(self, runs: Callable[[], Iterable[Run]]) -> None:
        self._runs = runs
        self._tables: list[_Table] | None = None
        self._files: dict[str, Any] = {}
        self._groups: OrderedDict[tuple[str, int], list[Row]] = OrderedDict()

    def find(self, request_hash: str) -> Row | None:
        """``outputs`` and ``trajectory`` of an answered request, or None."""
        if self._tables is None:
            self._tables = [t for run in self._runs() for t in _tables(run)]
        if not self._tables:
            return None
        key = np.bytes_(request_hash.encode())
        for table in self._tables:
            index = int(np.searchsorted(table.hashes, key))
            if index < len(table.hashes) and table.hashes[index] == key:
                return self._row(table.path, int(table.rows[index]))
        return None

    def _row(self, path: str, row: int) -> Row:
        """One row, read with the row group it stands in; the last few groups are kept."""
        file = self._files.get(path)
        if file is None:
            filesystem, inner = open_filesystem(path)
            file = self._files[path] = pq.ParquetFile(filesystem.open_input_file(inner))
        group, start = 0, 0
        while row >= start + file.metadata.row_group(group).num_rows:
            start += file.metadata.row_group(group).num_rows
            group += 1
        key = (path, group)
        if key not in self._groups:
            table = file.read_row_group(group, columns=["outputs", "trajectory"])
            self._groups[key] = table.to_pylist()
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key][row - start]


def _tables(run: Run) -> Iterable[_Table]:
    for name in run.task_names:
        try:
            columns = run.instances(name, ["request_hash", "outcome"])
        except DataError:
            continue  # not finished, or not readable: nothing to reuse from it
        outcomes = columns.column("outcome").to_pylist()
        rows = np.array([i for i, o in enumerate(outcomes) if o not in _NOT_REUSED], dtype=np.int64)
        if len(rows) == 0:
            continue
        hashes = np.array(columns.column("request_hash").to_pylist(), dtype="S32")[rows]
        order = np.argsort(hashes, kind="stable")
        path = f"{run.location}/instances/{schema.file_name(name)}.parquet"
        yield _Table(path, hashes[order], rows[order])


def runs_to_reuse(runs: Sequence[Run], reuse_key: str, without: str) -> list[Run]:
    """The runs whose answers can stand for those of a run with ``reuse_key``, newest first."""
    return [
        run
        for run in reversed(runs)
        if run.record.get("reuse_key") == reuse_key and run.run_id != without
    ]
