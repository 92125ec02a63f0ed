"""Where a task's tables lie, and how parts of them are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from olmo_eval.errors import DataError
from olmo_eval.results.version import file_name

if TYPE_CHECKING:
    import pyarrow.parquet as pq

#: rows of a table that are read at once
_ROWS_AT_ONCE = 500


def instances_of(task: str) -> str:
    return f"instances/{file_name(task)}.parquet"


def answers_of(task: str) -> str:
    return f"answers/{file_name(task)}.parquet"


def turns_of(task: str) -> str:
    return f"turns/{file_name(task)}.parquet"


class NoTableError(DataError):
    """A run has no such table: it is not finished, or the table was deleted."""


def unreadable(where: str, error: Exception) -> DataError:
    """The error of a table that is damaged."""
    said = str(error).splitlines() or [type(error).__name__]
    return DataError(
        f"{where} cannot be read: {said[0]}",
        hint="`olmo-eval verify` names what has changed; its command with --fresh makes the run "
        "anew",
    )


def columns_in(table: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    """Those of ``columns`` that a table has; None stands for all."""
    if columns is None:
        return None
    known = set(table.schema_arrow.names)
    return [name for name in columns if name.partition(".")[0] in known]


def some_rows(
    table: pq.ParquetFile, columns: list[str] | None, numbers: Sequence[int] | None
) -> Iterator[dict[str, Any]]:
    """The rows of a table, or those with the given numbers, which ascend."""
    if numbers is None:
        for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
            yield from batch.to_pylist()
        return
    import pyarrow as pa

    start, left = 0, deque(numbers)
    for group in range(table.num_row_groups):
        end = start + table.metadata.row_group(group).num_rows
        inside: list[int] = []
        while left and left[0] < end:
            inside.append(left.popleft() - start)
        if inside:
            # of a stated type: else pyarrow looks for pandas, each time anew where it is missing
            places = pa.array(inside, pa.int64())
            yield from table.read_row_group(group, columns=columns).take(places).to_pylist()
        start = end
