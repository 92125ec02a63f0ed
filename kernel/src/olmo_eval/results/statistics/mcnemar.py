"""McNemar: paired binary scores, where only the discordant items carry information.

`wins` counts items that only B gets right, `losses` items that only A gets right; the difference is
(wins - losses) / n.
"""

from __future__ import annotations

import math

import numpy as np

from olmo_eval.results.statistics.arrays import FloatArray, require_confidence
from olmo_eval.results.statistics.distributions import (
    binomial_cdf,
    normal_cdf,
    normal_quantile,
    probability,
)
from olmo_eval.results.statistics.intervals import Interval, clopper_pearson_interval

BISECTIONS = 100


def mcnemar_exact(wins: int, losses: int) -> float:
    """Exact two-sided p-value, min(1, 2 P(X <= min(wins, losses))), X ~ Binomial(wins+losses,
    1/2).

    McNemar (1947), exact form. Never below its nominal level at any sample size; 1 without
    discordant items. Raises ValueError for negative counts.
    """
    _require_counts(wins, losses)
    return probability(2.0 * binomial_cdf(min(wins, losses), wins + losses))


def mcnemar_p_values(discordant: int) -> FloatArray:
    """Every p-value that the exact test can give with so many `discordant` items, ascending."""
    m = discordant
    return np.array([mcnemar_exact(k, m - k) for k in range(m // 2 + 1)], dtype=np.float64)


def mcnemar_midp(wins: int, losses: int) -> float:
    """Mid-p two-sided p-value, 2 (P(X < k) + P(X = k) / 2) with k = min(wins, losses).

    Less conservative than the exact p-value; may exceed its level slightly (Fagerland et al. 2013).
    """
    _require_counts(wins, losses)
    k, m = min(wins, losses), wins + losses
    return probability(binomial_cdf(k - 1, m) + binomial_cdf(k, m))


def paired_score_statistic(wins: int, losses: int, n: int, difference: float) -> float:
    """Tango's (1998) score statistic z for a true `difference` in (-1, 1) of paired proportions.

    z = (wins - losses - n D) / sqrt(n (2 q + D (1 - D))), q the maximum likelihood estimate of the
    probability that only A is right, given D. At D = 0 its square is McNemar's chi-square.
    """
    linear = -wins - losses + (2 * n - wins + losses) * difference
    constant = -losses * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    q = -2 * constant / (root + linear) if linear > 0 else (root - linear) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    distance = wins - losses - n * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def tango_interval(wins: int, losses: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of the difference of paired proportions (Tango 1998), within [-1, 1].

    The differences D with |z(D)| <= z_{1-alpha/2}. It has width also without discordant items,
    where it is -/+ z^2 / (n + z^2). Raises ValueError unless wins + losses <= n and n >= 1.
    """
    _require_counts(wins, losses, n)
    require_confidence(confidence)
    z = normal_quantile(0.5 + confidence / 2)
    high = _score_limit(wins, losses, n, z)
    return -_score_limit(losses, wins, n, z), high


def mcnemar_interval(wins: int, losses: int, n: int, confidence: float = 0.95) -> Interval:
    """The interval shown beside the exact McNemar test: it excludes 0 exactly when p <= alpha.

    The smallest interval that holds both Tango's score interval and the difference that the
    Clopper-Pearson interval of wins / (wins + losses) implies, (wins + losses)/n (2 pi - 1). The
    second is the inversion of the exact test; Tango's supplies the uncertainty of the discordance
    itself.
    """
    low, high = tango_interval(wins, losses, n, confidence)
    m = wins + losses
    if m == 0:
        return low, high
    exact_low, exact_high = clopper_pearson_interval(wins, m, confidence)
    return min(low, m / n * (2 * exact_low - 1)), max(high, m / n * (2 * exact_high - 1))


def paired_binary_equivalence(wins: int, losses: int, n: int, margin: float) -> float:
    """p-value of two one-sided score tests of |difference| < margin (Liu et al. 2002).

    A margin of 1 or more cannot be exceeded, and needs no evidence.
    """
    _require_counts(wins, losses, n)
    if margin >= 1:
        return probability(0.0)
    below = normal_cdf(-paired_score_statistic(wins, losses, n, -margin))
    above = normal_cdf(paired_score_statistic(wins, losses, n, margin))
    return probability(max(below, above))


def _score_limit(wins: int, losses: int, n: int, z: float) -> float:
    """The largest D with z(D) >= -z: the statistic falls as D grows, so bisection finds it."""
    low, high = (wins - losses) / n, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if paired_score_statistic(wins, losses, n, middle) >= -z:
            low = middle
        else:
            high = middle
    return low


def _require_counts(wins: int, losses: int, n: int | None = None) -> None:
    if wins < 0 or losses < 0 or (n is not None and (n < 1 or wins + losses > n)):
        raise ValueError(
            f"expected wins, losses >= 0 and wins + losses <= n: {wins}, {losses}, {n}"
        )
