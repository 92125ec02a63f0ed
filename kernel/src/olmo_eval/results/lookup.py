"""Finding kept rows by a key, without holding their text in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.errors import DataError
from olmo_eval.results import footers, journal
from olmo_eval.results.reading import unreadable
from olmo_eval.results.record import Row

_GROUPS_KEPT = 8


class KeyedRows:
    """The keys of rows, sorted, 32 bytes each, and where each row stands."""

    def __init__(self, keys: Iterable[str], places: Sequence[int]) -> None:
        unsorted = np.array(list(keys), dtype="S32")
        order = np.argsort(unsorted, kind="stable")
        self.keys: npt.NDArray[np.bytes_] = unsorted[order]
        self.places: npt.NDArray[np.int64] = np.asarray(places, dtype=np.int64)[order]

    def find(self, key: str) -> int | None:
        """The place of the row with ``key``."""
        wanted = np.bytes_(key.encode())
        index = int(np.searchsorted(self.keys, wanted))
        if index < len(self.keys) and self.keys[index] == wanted:
            return int(self.places[index])
        return None


class JournalReader:
    """Reads single records of a journal, by the place where their line begins."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def read(self, offset: int) -> Row:
        """The record at ``offset``.

        Raises:
            DataError: the line has changed since it was found.
        """
        if self._file is None:
            self._file = open(self._path, "rb")  # noqa: SIM115, kept open for the next record
        self._file.seek(offset)
        record = journal.decode(self._file.readline())
        if record is None:
            raise DataError(f"{self._path} has changed while it was read", hint="rerun the command")
        return record


class RowReader:
    """Reads single rows of a Parquet file with the row group they stand in.

    Tables are in the order of the data and so are lookups, mostly: the last few row groups are
    kept, and each is read about once.
    """

    def __init__(self, path: str, columns: Sequence[str] | None = None) -> None:
        self._path = path
        self._columns = None if columns is None else list(columns)
        self._file: Any = None
        self._starts: npt.NDArray[np.int64] | None = None
        self._groups: OrderedDict[int, list[Row]] = OrderedDict()

    def read(self, number: int) -> Row:
        """The row ``number``, counted from 0.

        Raises:
            DataError: the file is damaged, or gone.
        """
        try:
            return self._read(number)
        except (OSError, pa.ArrowException) as error:
            raise unreadable(self._path, error) from error

    def _read(self, number: int) -> Row:
        starts = self._opened()
        group = int(np.searchsorted(starts, number, side="right")) - 1
        if group not in self._groups:
            table = self._file.read_row_group(group, columns=self._columns)
            self._groups[group] = table.to_pylist()
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        return self._groups[group][number - int(starts[group])]

    def _opened(self) -> npt.NDArray[np.int64]:
        if self._starts is None:
            filesystem, inner = open_filesystem(self._path)
            self._file = footers.opened(filesystem.open_input_file(inner))
            metadata = self._file.metadata
            counts = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            self._starts = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
        return self._starts
