"""Deciding early: tests that may be looked at after every item, fed one item at a time."""

from __future__ import annotations

import math
from typing import Literal

from attrs import define

from olmo_eval.results.statistics.sequential import (
    FIRST_LOOK,
    log_e_value,
    sequence_scale,
)

FIRST = 50
"""Items before which a mean is not looked at: skewed scores need more than `FIRST_LOOK`."""

Sign = Literal[-1, 0, 1]


@define
class SignProcess:
    """The anytime-valid McNemar test of paired binary scores, item by item.

    Decided when E >= 1 / `alpha`, which ever happens with probability at most `alpha` where gains
    and losses are equally likely (`log_e_value`).
    """

    alpha: float
    gains: int = 0
    losses: int = 0
    _most: float = 0.0

    def see(self, difference: float) -> Sign:
        """Take an item's difference in; the sign of what is decided by now, 0 where nothing is."""
        self.gains += difference > 0
        self.losses += difference < 0
        if difference:
            self._most = max(self._most, float(log_e_value(self.gains, self.losses)))
        if self._most < -math.log(self.alpha):
            return 0
        return 1 if self.gains > self.losses else -1

    @property
    def leaning(self) -> Sign:
        """The side that more items are on."""
        return 1 if self.gains > self.losses else -1 if self.gains < self.losses else 0

    @property
    def p_value(self) -> float:
        """min(1, 1 / max E): valid whenever one looks."""
        return min(1.0, math.exp(-self._most))


@define
class MeanProcess:
    """The confidence sequence of a mean difference, item by item.

    Decided when it excludes 0. It is looked at after every item at first, and then each time there
    are 1% more: each look is valid, and to leave some out makes none of them less so.
    """

    alpha: float
    planned: int
    low: float = -math.inf
    high: float = math.inf
    _n: int = 0
    _first: float = 0.0
    _sum: float = 0.0
    _squares: float = 0.0
    _next: int = FIRST
    _sign: Sign = 0

    def see(self, difference: float) -> Sign:
        """Take an item's difference in; the sign of what is decided by now, 0 where nothing is."""
        if not self._n:
            self._first = difference
        shifted = difference - self._first  # so that nothing is lost in the sum of squares
        self._n += 1
        self._sum += shifted
        self._squares += shifted**2
        n = self._n
        if self._sign or n < min(self._next, max(self.planned, FIRST_LOOK)):
            return self._sign
        self._next = max(n + 1, math.ceil(1.01 * n))
        mean = self._sum / n
        variance = max(0.0, self._squares / n - mean**2)
        half = math.sqrt(variance * float(sequence_scale(n, self.planned, self.alpha)))
        half = half if n >= FIRST_LOOK else math.inf
        self.low, self.high = mean + self._first - half, mean + self._first + half
        varied = self._squares > 0
        self._sign = 1 if varied and self.low > 0 else -1 if varied and self.high < 0 else 0
        return self._sign

    @property
    def leaning(self) -> Sign:
        """The side that the mean is on."""
        total = self._sum + self._n * self._first
        return 1 if total > 0 else -1 if total < 0 else 0
