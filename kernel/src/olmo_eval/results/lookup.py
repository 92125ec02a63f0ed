"""Finding kept rows by a key, without holding their text in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.errors import DataError
from olmo_eval.results import journal
from olmo_eval.results.record import Row

_GROUPS_KEPT = 8
#: what is needed of a row to make its outputs again
OUTPUTS = ("outputs", "request.continuations")


class KeyedTable:
    """The keys of an instance table's rows, sorted, 32 bytes each."""

    def __init__(self, path: str, keys: Iterable[str], rows: Sequence[int]) -> None:
        unsorted = np.array(list(keys), dtype="S32")
        order = np.argsort(unsorted, kind="stable")
        self.path = path
        self.keys: npt.NDArray[np.bytes_] = unsorted[order]
        self.rows: npt.NDArray[np.int64] = np.asarray(rows, dtype=np.int64)[order]

    def find(self, key: str) -> int | None:
        """The number of the row with ``key``."""
        wanted = np.bytes_(key.encode())
        index = int(np.searchsorted(self.keys, wanted))
        if index < len(self.keys) and self.keys[index] == wanted:
            return int(self.rows[index])
        return None


class JournalReader:
    """Reads single records of journals, by the place where their line begins."""

    def __init__(self) -> None:
        self._files: dict[str, BinaryIO] = {}

    def read(self, path: str, offset: int) -> Row:
        """The record at ``offset``.

        Raises:
            DataError: the line has changed since it was found.
        """
        if path not in self._files:
            self._files[path] = open(path, "rb")  # noqa: SIM115, kept open for the next record
        self._files[path].seek(offset)
        record = journal.decode(self._files[path].readline())
        if record is None:
            raise DataError(f"{path} has changed while it was read", hint="rerun the command")
        return record


class RowReader:
    """Reads single rows with the row group they stand in.

    Tables are in the order of the data and so are lookups, mostly: the last few row groups are
    kept, and each is read about once.
    """

    def __init__(self, columns: Sequence[str] = OUTPUTS) -> None:
        self._columns = list(columns)
        self._files: dict[str, Any] = {}
        self._groups: OrderedDict[tuple[str, int], list[Row]] = OrderedDict()

    def read(self, path: str, row: int) -> Row:
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
            self._groups[key] = file.read_row_group(group, columns=self._columns).to_pylist()
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key][row - start]
