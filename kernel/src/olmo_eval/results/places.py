"""Where the last records of each instance stand in a journal.

Noted while the journal is read or written, so that tables are made of it without reading it once
more to find them: an instance costs its id and 24 bytes, never its text.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from olmo_eval.results.record import SCORE, Row

_NOWHERE = -1


class Places:
    """The places of the last answer and the last score of every instance of ``tasks``."""

    def __init__(self, tasks: Iterable[str]) -> None:
        self._tasks = {name: _TaskPlaces() for name in tasks}

    def put(self, record: Row, offset: int) -> None:
        """Note that ``record`` stands at the byte ``offset``. The last one of an instance counts;
        an answer takes the score of an earlier one away."""
        self._tasks[record["task"]].put(record, offset)

    def in_order(self, task: str) -> list[tuple[int, int | None]]:
        """The places of a task's answers, and of their scores, in the order of the data."""
        return self._tasks[task].in_order()


class _TaskPlaces:
    def __init__(self) -> None:
        self._indices: dict[str, int] = {}
        self._positions, self._answers, self._scores = array("q"), array("q"), array("q")

    def put(self, record: Row, offset: int) -> None:
        index = self._indices.setdefault(record["instance_id"], len(self._positions))
        if index == len(self._positions):
            for column in (self._positions, self._answers, self._scores):
                column.append(_NOWHERE)
        if record.get("kind") == SCORE:
            self._scores[index] = offset
        else:
            self._positions[index], self._answers[index] = record["position"], offset
            self._scores[index] = _NOWHERE

    def in_order(self) -> list[tuple[int, int | None]]:
        order = sorted(range(len(self._positions)), key=self._positions.__getitem__)
        return [
            (self._answers[i], None if self._scores[i] == _NOWHERE else self._scores[i])
            for i in order
            if self._answers[i] != _NOWHERE
        ]
