"""Slices: in which subsets of the questions a paired difference lies.

A slice is a mask over the items. Each is tested for a difference of its own and against the rest;
the false discovery rate is held over all of them together.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.arrays import Labels, cluster_codes, score_array
from olmo_eval.results.statistics.distributions import normal_cdf, probability

LEAST_DIFFERING = 6
"""Items that must differ for any result to reach p = 0.05: 2 / 2^6 = 0.03."""


def contrast_p_value(
    differences: npt.ArrayLike, inside: npt.NDArray[np.bool_], clusters: Labels | None = None
) -> float:
    """Two-sided p-value of "the items ``inside`` differ between the models as the others do".

    ``differences`` (n,) are B - A. The score test of the contrast: T = sum over the slice of
    (d_i - mean d), against the variance that T has when the slice's labels are dealt out at random,
    n f (1 - f) s^2 with f the slice's share, or against its cluster-robust variance where that is
    larger. Valid also for a slice in which nothing differs, whose own variance would be 0. Raises
    ValueError unless some items are inside and some outside.
    """
    values = score_array(differences, "differences")
    if inside.shape != values.shape or not 0 < inside.sum() < values.size:
        raise ValueError("expected a mask of the items, with some inside and some outside")
    share = inside.mean()
    residual = values - values.mean()
    parts = (inside - share) * residual
    pooled = values.size * share * (1 - share) * residual.var(ddof=1)
    codes = cluster_codes(clusters, values.size)
    totals = parts if codes is None else np.bincount(codes, weights=parts)
    correction = totals.size / (totals.size - 1) if totals.size > 1 else math.inf
    variance = max(float(pooled), float(correction * (totals**2).sum()))
    if not variance:
        return 1.0
    return probability(2 * normal_cdf(-abs(float(parts.sum())) / math.sqrt(variance)))


def selective_alpha(found: int, family: int, alpha: float) -> float:
    """The level of the intervals of ``found`` differences chosen out of ``family`` by a procedure
    that holds the false discovery rate at ``alpha``: alpha found / family, so that of the intervals
    that are shown at most a share alpha misses (Benjamini and Yekutieli 2005)."""
    if not 0 <= found <= family:
        raise ValueError(f"expected 0 <= found <= family, got {found} of {family}")
    return alpha * max(found, 1) / max(family, 1)
