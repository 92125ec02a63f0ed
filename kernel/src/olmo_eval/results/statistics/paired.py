"""Paired differences: two models on the same items, difference = B - A item by item."""

from __future__ import annotations

import numpy.typing as npt

from olmo_eval.results.statistics.arrays import (
    FloatArray,
    Labels,
    cluster_codes,
    paired_arrays,
    weight_array,
)
from olmo_eval.results.statistics.distributions import t_two_sided
from olmo_eval.results.statistics.estimates import Estimate, totals_estimate
from olmo_eval.results.statistics.totals import Totals, cluster_totals

PAIRED_RATIO = "paired ratio (delta method, t)"
PAIRED_RATIO_CLUSTERED = "clustered paired ratio (delta method, t)"


def paired_totals(a: npt.ArrayLike, b: npt.ArrayLike, clusters: Labels | None = None) -> Totals:
    """Cluster totals of d = b - a, shapes (n,). Raises ValueError for mismatched or missing
    scores.
    """
    first, second = paired_arrays(a, b)
    return cluster_totals(second - first, cluster_codes(clusters, first.size))


def paired_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean of d = b - a with its paired t interval (Miller 2024).

    SE = sqrt(sum (d - mean d)^2 / (n (n-1))), which equals sqrt(SE_A^2 + SE_B^2 - 2 rho SE_A SE_B);
    summed within clusters, with the C/(C-1) correction, when `clusters` groups items.
    """
    totals = paired_totals(a, b, clusters)
    method = "clustered paired t" if totals.clustered else "paired t"
    return totals_estimate(totals, method, confidence)


def ratio_totals(
    numerators_a: npt.ArrayLike,
    numerators_b: npt.ArrayLike,
    denominators: npt.ArrayLike,
    denominators_b: npt.ArrayLike | None = None,
    clusters: Labels | None = None,
) -> Totals:
    """Cluster totals whose ratio is R_B - R_A, a difference of two weighted averages.

    With one denominator per item (the bytes of the text, the same for both models) the totals are
    those of the numerators' differences. With two, the items are linearised around the observed
    ratios: z_i = (num_B - R_B den_B) / D_B - (num_A - R_A den_A) / D_A + (R_B - R_A) / n, n z_i
    averaged.
    """
    first, second = paired_arrays(numerators_a, numerators_b, ("numerators_a", "numerators_b"))
    n = first.size
    weights = weight_array(denominators, n, "denominators")
    codes = cluster_codes(clusters, n)
    if denominators_b is None:
        return cluster_totals(second - first, codes, weights)
    weights_b = weight_array(denominators_b, n, "denominators_b")
    ratio_a, part_a = _linearised(first, weights)
    ratio_b, part_b = _linearised(second, weights_b)
    return cluster_totals(n * (part_b - part_a) + (ratio_b - ratio_a), codes)


def paired_ratio_difference(
    numerators_a: npt.ArrayLike,
    numerators_b: npt.ArrayLike,
    denominators: npt.ArrayLike,
    denominators_b: npt.ArrayLike | None = None,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """sum(num_B) / sum(den_B) - sum(num_A) / sum(den_A), error linearised over clusters."""
    totals = ratio_totals(numerators_a, numerators_b, denominators, denominators_b, clusters)
    method = PAIRED_RATIO_CLUSTERED if totals.clustered else PAIRED_RATIO
    return totals_estimate(totals, method, confidence)


def t_test(estimate: Estimate, null: float = 0.0) -> float | None:
    """Two-sided p-value that the estimate's true value is `null`; None without a standard error."""
    if estimate.stderr is None or estimate.df is None:
        return None
    return t_two_sided((estimate.value - null) / estimate.stderr, estimate.df)


def _linearised(numerators: FloatArray, denominators: FloatArray) -> tuple[float, FloatArray]:
    total = denominators.sum()
    ratio = float(numerators.sum() / total)
    return ratio, (numerators - ratio * denominators) / total
