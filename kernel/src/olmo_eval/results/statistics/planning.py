"""Planning: the power of a paired comparison to come; the questions and samples it takes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from attrs import frozen

from olmo_eval.results.statistics.arrays import IntArray
from olmo_eval.results.statistics.distributions import normal_cdf, normal_quantile, special
from olmo_eval.results.statistics.power import ALPHA, POWER, required_n

MOST = 10_000_000
"""Questions beyond which nobody goes: an effect that needs more is out of reach."""

_EXACT = 200_000
_DEVIATIONS = 8.0


@frozen
class PairedSpread:
    """How much the paired differences of two models vary from question to question.

    ``variance`` is that of one question's difference, n SE^2, with the design effect of clusters.
    ``discordance`` is the share of questions that differ, where they score 0 or 1 and stand alone
    (None elsewhere). ``within`` is the part of the variance that is left by drawing each model's
    answer anew, for one sample a question; None where nobody knows.
    """

    variance: float
    discordance: float | None = None
    within: float | None = None
    samples: int = 1

    def with_samples(self, samples: int) -> PairedSpread | None:
        """The spread with so many samples a question of both models; None where it is unknown."""
        if samples == self.samples:
            return self
        if self.within is None:
            return None
        between = max(0.0, self.variance - self.within / self.samples)
        return PairedSpread(between + self.within / samples, None, self.within, samples)

    def power(self, n: int, effect: float, alpha: float = ALPHA) -> float:
        """The chance to find a true difference of ``effect`` with n questions at ``alpha``: of the
        exact McNemar test for 0/1 scores, else in the normal approximation."""
        if self.discordance is not None and n <= _EXACT:
            return mcnemar_power(n, self.discordance, effect, alpha)
        if not self.variance:
            return 1.0
        z, shift = normal_quantile(1 - alpha / 2), abs(effect) * math.sqrt(n / self.variance)
        return normal_cdf(shift - z) + normal_cdf(-shift - z)

    def questions(self, effect: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
        """The fewest questions that find ``effect`` with ``power``; None beyond ten million."""
        guess = max(2, required_n(max(self.variance, effect**2 / 100), effect, alpha, power))
        return _least(lambda n: self.power(n, effect, alpha) >= power, guess)

    def samples_for(
        self, n: int, effect: float, alpha: float = ALPHA, power: float = POWER
    ) -> int | None:
        """The fewest samples a question with which ``n`` questions find ``effect``; None where more
        samples do not help enough, or nobody knows."""
        if self.within is None:
            return None
        left = n * (effect / (normal_quantile(1 - alpha / 2) + normal_quantile(power))) ** 2
        between = max(0.0, self.variance - self.within / self.samples)
        if left <= between:
            return None
        return max(1, math.ceil(self.within / (left - between)))


def _least(enough: Callable[[int], bool], guess: int) -> int | None:
    """The least n that is enough, near ``guess``, where more is never less."""
    low, high = 1, min(guess, MOST)
    while not enough(high):
        if high == MOST:
            return None
        low, high = high, min(high * 2, MOST)
    while high - low > max(1, high // 500):  # to a fifth of a percent
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def mcnemar_power(n: int, discordance: float, effect: float, alpha: float = ALPHA) -> float:
    """The power of the exact McNemar test on ``n`` questions of which a share ``discordance``
    differs, when the true difference is ``effect``.

    The number that differ is binomial, m ~ B(n, q), the wins among them B(m, (q + effect) / 2q);
    the power is the mean over m of the chance that 2 P(X <= min(wins, losses)) <= alpha. Where
    ``effect`` is larger than q, as many differ as it needs. Raises ValueError for n < 1, shares
    outside of [0, 1], or alpha outside of (0, 1).
    """
    size = abs(effect)
    if n < 1 or not 0 <= discordance <= 1 or not size <= 1 or not 0 < alpha < 1:
        raise ValueError(f"expected n >= 1 and shares: {n}, {discordance}, {effect}, {alpha}")
    share = max(discordance, size)
    if not share:
        return 0.0
    functions = special()
    spread = _DEVIATIONS * math.sqrt(n * share * (1 - share)) + 1
    least, most = max(0, math.floor(n * share - spread)), min(n, math.ceil(n * share + spread))
    m = np.arange(least, most + 1)
    chance = functions.bdtr(m, n, share)
    chance[1:] -= chance[:-1].copy()
    if least:
        chance[0] -= functions.bdtr(least - 1, n, share)
    fewest = _critical(m, alpha)
    wins = (share + size) / (2 * share)
    tested = fewest >= 0
    k = np.maximum(fewest, 0)
    found = functions.bdtr(k, m, wins) + functions.bdtrc(m - k - 1, m, wins)
    found = np.where(m - k - 1 < 0, 1.0, found)
    return float(min(1.0, (chance * np.where(tested, found, 0.0)).sum()))


def _critical(m: IntArray, alpha: float) -> IntArray:
    """For m differing questions, the most losses (or wins) with which the exact test rejects; -1
    where none do."""
    functions = special()
    spread = normal_quantile(1 - alpha / 2) * np.sqrt(m) / 2
    k = np.maximum(np.floor(m / 2 - spread).astype(np.int64) - 2, -1)
    for _ in range(8):  # the normal guess is a few off at most
        above = np.minimum(k + 1, m)
        more = functions.bdtr(above, m, 0.5) <= alpha / 2
        k = np.where(more, above, k)
    while (wrong := (k >= 0) & (functions.bdtr(np.maximum(k, 0), m, 0.5) > alpha / 2)).any():
        k = np.where(wrong, k - 1, k)
    return np.asarray(k, dtype=np.intp)
