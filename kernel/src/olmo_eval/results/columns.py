"""The numbers of a task, as arrays: all that scores, errors and comparisons are made of."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from olmo_eval.results.health import Tally

FloatArray = npt.NDArray[np.float64]

_NAN = float("nan")
_SUMMED = ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd", "latency")


class TaskColumns:
    """One value and one weight an instance and metric; NaN where a value is missing.

    ``outcomes`` counts how instances ended, ``clusters`` gives each instance's cluster (or None
    where the task has none), ``totals`` sums tokens, cost and latency, ``tally`` counts what may be
    wrong.
    """

    def __init__(self, keys: Iterable[str], tally: Tally | None = None) -> None:
        self.tally = tally
        #: by metric: a value and a weight an instance
        self._numbers = {key: (array("d"), array("d")) for key in keys}
        #: how many instances each metric does not apply to: they have no value, and no error either
        self.inapplicable: Counter[str] = Counter()
        self._clusters: list[str | None] = []
        self._clustered = False
        self.outcomes: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.totals: dict[str, float] = dict.fromkeys(_SUMMED, 0.0)
        self.reused_from: Counter[str] = Counter()
        self.n = 0
        #: how many events the trajectories of all rows have
        self.events = 0

    def add(self, row: Mapping[str, Any]) -> None:
        self.n += 1
        if self.tally is not None:
            self.tally.see(row)
        self.outcomes[row["outcome"]] += 1
        if row.get("error"):
            self.errors[row["error"]] += 1
        values, weights = row["values"] or {}, row["weights"] or {}
        for key, (numbers, counted) in self._numbers.items():
            value, weight = values.get(key), weights.get(key)
            if value is None and not row.get("error"):
                self.inapplicable[key] += 1
            numbers.append(_NAN if value is None else value)
            counted.append(1.0 if weight is None else weight)
        self._clusters.append(row["cluster"])
        self._clustered = self._clustered or row["cluster"] is not None
        if row.get("reused"):
            self.reused_from[row.get("reused_from") or ""] += 1
        for name in _SUMMED:
            if amount := row.get(name):
                self.totals[name] += amount

    def values(self, key: str) -> FloatArray:
        return np.frombuffer(self._numbers[key][0], dtype=np.float64)

    def weights(self, key: str) -> FloatArray:
        return np.frombuffer(self._numbers[key][1], dtype=np.float64)

    @property
    def clusters(self) -> list[str | None] | None:
        return self._clusters if self._clustered else None
