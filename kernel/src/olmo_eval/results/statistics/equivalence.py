"""Equivalence: evidence that a difference is too small to matter."""

from __future__ import annotations

import math

from attrs import frozen

from olmo_eval.results.statistics.distributions import probability, t_cdf
from olmo_eval.results.statistics.intervals import t_interval


@frozen
class Equivalence:
    """Result of two one-sided tests; `p_value` is the larger of the two."""

    p_value: float
    p_low: float
    p_high: float
    ci_low: float
    ci_high: float
    margin: float
    equivalent: bool


def require_margin(margin: float) -> None:
    """Raises ValueError unless 0 < margin < infinity."""
    if not 0 < margin < math.inf:
        raise ValueError(f"margin: expected a positive number, got {margin}")


def tost(
    difference: float, stderr: float, df: float, margin: float, alpha: float = 0.05
) -> Equivalence:
    """Two one-sided t tests of |difference| < margin (Schuirmann 1987).

    p_low tests difference <= -margin, p_high difference >= +margin. Equivalent at `alpha` exactly
    when the 1 - 2 alpha interval lies strictly inside (-margin, +margin). df = inf is the z test.
    Raises ValueError for a margin or standard error that is not positive.
    """
    require_margin(margin)
    if not stderr > 0:
        raise ValueError(f"stderr: expected a positive number, got {stderr}")
    p_low = probability(t_cdf(-(difference + margin) / stderr, df))
    p_high = probability(t_cdf((difference - margin) / stderr, df))
    p_value = max(p_low, p_high)
    interval = t_interval(difference, stderr, df, 1 - 2 * alpha)
    return Equivalence(p_value, p_low, p_high, *interval, margin, p_value < alpha)
