"""Questions whose texts contain a text or match a regular expression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from olmo_eval.errors import UsageError
from olmo_eval.results.run import Run
from olmo_eval.results.standings import Standings

#: what is searched: the question, the gold answer, and either run's answer and how its text begins
COLUMNS = ("question", "gold", "answer", "text")


def matching(found: Standings, a: Run, b: Run, q: str, regex: bool) -> npt.NDArray[np.bool_]:
    """Which of the questions match ``q``, whatever the case, in either run.

    Raises:
        UsageError: it is not a regular expression (RE2's syntax, which takes linear time).
    """
    row_a, row_b = (np.asarray(found.table.column(f"row_{s}").fill_null(-1)) for s in "ab")
    in_a = np.append(_hits(a, found.task, COLUMNS, q, regex), False)[row_a]
    # the question and its gold answer are those of A, unless B alone has it
    columns = COLUMNS if (row_a < 0).any() else COLUMNS[2:]
    in_b = np.append(_hits(b, found.task_b, columns, q, regex), False)[row_b]
    return np.asarray(in_a | in_b)


def _hits(
    run: Run, task: str, columns: Sequence[str], q: str, regex: bool
) -> npt.NDArray[np.bool_]:
    """Which rows of the run's table match in any column; a few of them are in memory at once."""
    hits = []
    for batch in run.batches(task, run.columns_of(task, *columns)):
        hit = np.zeros(batch.num_rows, bool)
        for column in batch.columns:
            hit |= np.asarray(pc.fill_null(_matches(column, q, regex), False), dtype=bool)
        hits.append(hit)
    return np.concatenate(hits) if hits else np.zeros(0, bool)


def _matches(column: pa.Array, q: str, regex: bool) -> pa.Array:
    """Raises UsageError for what is not a regular expression."""
    try:
        if regex:
            return pc.match_substring_regex(column, q, ignore_case=True)
        if q.isascii():  # several times as quick as folding all of Unicode
            return pc.match_substring(pc.ascii_lower(column), q.lower())
        return pc.match_substring(column, q, ignore_case=True)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{q[:80]!r} is not a regular expression: {error}") from error
