"""The score of a task while it is being made."""

from __future__ import annotations

from olmo_eval.results.summary import transformed_mean


class RunningMean:
    """A running weighted mean, and the score that its metric makes of it."""

    def __init__(self, transform: str | None) -> None:
        self._sum = self._weight = 0.0
        self._transform = transform
        self.n = 0

    def add(self, value: float, weight: float) -> None:
        self.n += 1
        self._sum += value * weight
        self._weight += weight

    @property
    def mean(self) -> float | None:
        return self._sum / self._weight if self._weight else None

    @property
    def score(self) -> float | None:
        mean = self.mean
        return None if mean is None else transformed_mean(mean, self._transform)
