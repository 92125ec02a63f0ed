"""Questions whose texts contain a text or match a regular expression.

Whole answers are read, which takes a while where there are many: what was found so far can be
shown before the last of them was looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.results.run import Run
from olmo_eval.results.standings import Standings

#: of each question: what was asked, the gold answer, what was extracted, how the answer begins
HEADS = ("question", "gold", "answer", "text")
#: every sample's answer, whole
WHOLE = "outputs.list.element.text"
#: seconds that a page waits for a search to end
PATIENCE = 0.1
BoolArray = npt.NDArray[np.bool_]
#: one search at a time: each reads texts of all questions
_SEARCHING = threading.Lock()


class Hits(NamedTuple):
    """Which questions matched so far, and the share of the texts that was read."""

    mask: BoolArray
    read: float

    @property
    def done(self) -> bool:
        return self.read >= 1


class Search:
    """A search in a thread of its own: first in questions, gold answers and how answers begin, then
    in whole answers.

    Raises:
        UsageError: ``q`` is not a regular expression (RE2's syntax, which takes linear time).
    """

    def __init__(self, found: Standings, a: Run, b: Run, q: str, regex: bool) -> None:
        _matches(pa.array([""]), q, regex)
        self._found, self._runs = found, (a, b)
        self._q, self._regex = q, regex
        self._mask = np.zeros(found.table.num_rows, bool)
        self._steps = self._read = 0
        self._error: OlmoEvalError | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._search, daemon=True, name="search").start()

    def hits(self, seconds: float | None = PATIENCE) -> Hits:
        """What was found, after at most so many ``seconds``; None waits for the end.

        Raises:
            OlmoEvalError: a table cannot be read.
        """
        self._ended.wait(seconds)
        if self._error is not None:
            raise self._error
        if self._ended.is_set():
            return Hits(self._mask, 1.0)
        return Hits(self._mask.copy(), min(0.99, self._read / max(1, self._steps)))

    def _search(self) -> None:
        try:
            with _SEARCHING:
                self._look()
        except OlmoEvalError as error:
            self._error = error
        finally:
            self._ended.set()

    def _look(self) -> None:
        table = self._found.table
        rows = [np.asarray(table.column(f"row_{side}").fill_null(-1)) for side in "ab"]
        # texts of a question are those of A, unless B alone has it
        whole = (rows[0] < 0).any()
        tasks = (self._found.task, self._found.task_b)
        sizes = [
            run.instances(t, ["position"]).num_rows
            for run, t in zip(self._runs, tasks, strict=True)
        ]
        self._steps = 5 * sum(sizes)  # reading whole answers takes four times as long, or more
        for answers in (False, True):
            for place, run, task, size, heads in zip(
                rows, self._runs, tasks, sizes, (HEADS, HEADS if whole else HEADS[2:]), strict=True
            ):
                hit = np.zeros(size + 1, bool)  # one more for questions that the run lacks
                for start, batch in _batches(run, task, heads, answers):
                    end = start + batch.num_rows
                    hit[start:end] = _hits(batch, self._q, self._regex)
                    if hit[start:end].any():
                        self._mask |= hit[place]
                    self._read += batch.num_rows * (4 if answers else 1)


def _batches(
    run: Run, task: str, heads: tuple[str, ...], answers: bool
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Some rows at a time, each with the place of its first."""
    columns = [WHOLE] if answers else run.columns_of(task, *heads)
    start = 0
    for batch in run.batches(task, columns, answers=answers) if columns else ():
        yield start, batch
        start += batch.num_rows


def _hits(batch: pa.RecordBatch, q: str, regex: bool) -> BoolArray:
    """Which rows match in any column, a list in any of its texts."""
    found = np.zeros(batch.num_rows, bool)
    for column in batch.columns:
        if pa.types.is_list(column.type):
            parents = np.asarray(pc.list_parent_indices(column))
            texts = pc.struct_field(column.flatten(), "text")
            found[parents[_matched(texts, q, regex)]] = True
        else:
            found |= _matched(column, q, regex)
    return found


def _matched(column: pa.Array, q: str, regex: bool) -> BoolArray:
    return np.asarray(pc.fill_null(_matches(column, q, regex), False), dtype=bool)


def _matches(column: pa.Array, q: str, regex: bool) -> pa.Array:
    """Raises UsageError for what is not a regular expression."""
    try:
        if regex:
            return pc.match_substring_regex(column, q, ignore_case=True)
        # by RE2, too, which is several times as quick as looking for it in a lower-cased copy
        return pc.match_substring(column, q, ignore_case=True)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{q[:80]!r} is not a regular expression: {error}") from error
