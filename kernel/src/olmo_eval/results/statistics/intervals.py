"""Confidence intervals for a proportion and for a mean."""

from __future__ import annotations

import math

from olmo_eval.results.statistics.arrays import require_confidence
from olmo_eval.results.statistics.distributions import beta_quantile, normal_quantile, t_quantile

Interval = tuple[float, float]


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson (1927) score interval of a proportion, within [0, 1].

    Centre (p + z^2/2n) / (1 + z^2/n), half-width z / (1 + z^2/n) sqrt(p(1-p)/n + z^2/4n^2), with
    p = successes / n. It never has zero width, also not at 0 or n successes. Raises ValueError
    unless 0 <= successes <= n and n > 0.
    """
    _require_count(successes, n)
    require_confidence(confidence)
    z = normal_quantile(0.5 + confidence / 2)
    p = successes / n
    shrink = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def clopper_pearson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Clopper-Pearson (1934) exact interval of a proportion: coverage is never below nominal.

    The limits are the alpha/2 quantile of Beta(x, n-x+1) and the 1-alpha/2 quantile of
    Beta(x+1, n-x). Raises ValueError unless 0 <= successes <= n and n > 0.
    """
    _require_count(successes, n)
    require_confidence(confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else beta_quantile(tail, successes, n - successes + 1)
    high = 1.0 if successes == n else beta_quantile(1 - tail, successes + 1, n - successes)
    return low, high


def t_interval(value: float, stderr: float, df: float, confidence: float = 0.95) -> Interval:
    """value -/+ t_{df} stderr (Student 1908); df = inf gives the normal interval."""
    require_confidence(confidence)
    half = t_quantile(0.5 + confidence / 2, df) * stderr
    return value - half, value + half


def _require_count(successes: float, n: float) -> None:
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"expected 0 <= successes <= n and n > 0, got {successes} of {n}")
