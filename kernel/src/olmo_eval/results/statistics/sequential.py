"""Sequential tests: valid however often, and whenever, one looks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.arrays import (
    FloatArray,
    paired_arrays,
    require_binary,
    score_array,
)
from olmo_eval.results.statistics.distributions import probability, special

PRIOR = 5.0
"""Beta(a, a) prior on the share of wins among discordant items."""

FIRST_LOOK = 30
"""Items before which the asymptotic confidence sequence claims nothing."""


def log_e_value(wins: npt.ArrayLike, losses: npt.ArrayLike, prior: float = PRIOR) -> FloatArray:
    """log E of the anytime-valid McNemar test, the shape of `wins` and `losses`.

    E = 2^m B(a + wins, a + losses) / B(a, a), m = wins + losses: a mixture likelihood ratio
    against wins ~ Binomial(m, 1/2), so E is a martingale when A and B are equally good and exceeds
    1/alpha ever with probability at most alpha (Ville 1939). Raises ValueError for negative counts
    or prior <= 0.
    """
    up, down = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if not prior > 0 or (up < 0).any() or (down < 0).any():
        raise ValueError("expected wins, losses >= 0 and prior > 0")
    log_beta = special().betaln
    mixture = log_beta(prior + up, prior + down) - log_beta(prior, prior)
    return np.asarray((up + down) * math.log(2.0) + mixture, dtype=np.float64)


def e_process(a: npt.ArrayLike, b: npt.ArrayLike, prior: float = PRIOR) -> FloatArray:
    """log E after each item, shape (n,), of binary scores in the order in which they arrived."""
    first, second = paired_arrays(a, b)
    require_binary(first, "a")
    require_binary(second, "b")
    difference = second - first
    return log_e_value(np.cumsum(difference > 0), np.cumsum(difference < 0), prior)


def anytime_p_value(log_e: npt.ArrayLike) -> float:
    """min(1, 1 / max E) over the looks so far: may be read after every item."""
    return probability(math.exp(-max(0.0, float(score_array(log_e, "log_e").max()))))


def confidence_sequence(
    differences: npt.ArrayLike,
    planned_n: int,
    alpha: float = 0.05,
    first_look: int = FIRST_LOOK,
) -> tuple[FloatArray, FloatArray]:
    """Asymptotic confidence sequence of the mean of `differences` (n,), two arrays of shape (n,).

    mean_t -/+ sd_t sqrt(2 (t r^2 + 1) / (t^2 r^2) log(sqrt(t r^2 + 1) / alpha)) after t items
    (Waudby-Smith et al. 2024), r tuned to be tightest at `planned_n` items; unbounded
    before `first_look` items. All limits hold at once with probability about 1 - alpha. Raises
    ValueError for planned_n < 1 or alpha out of range.
    """
    values = score_array(differences, "differences")
    t = np.arange(1, values.size + 1, dtype=np.float64)
    shifted = values - values[0]
    mean = np.cumsum(shifted) / t
    variance = np.maximum(0.0, np.cumsum(shifted**2) / t - mean**2)
    half = np.sqrt(variance * sequence_scale(t, planned_n, alpha))
    half = np.where(t < first_look, np.inf, half)
    return mean + values[0] - half, mean + values[0] + half


def sequence_scale(t: npt.ArrayLike, planned_n: int, alpha: float) -> FloatArray:
    """What the variance of `t` items is multiplied by for the squared half-width of their
    `confidence_sequence`. Raises ValueError for planned_n < 1 or alpha out of range."""
    if planned_n < 1 or not 0 < alpha < 1:
        raise ValueError(f"expected planned_n >= 1 and 0 < alpha < 1: {planned_n}, {alpha}")
    tuned = -2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1
    squared = max(tuned, 1.0) / planned_n
    n = np.asarray(t, dtype=np.float64)
    return np.asarray(
        2 * (n * squared + 1) / (n**2 * squared) * np.log(np.sqrt(n * squared + 1) / alpha)
    )
