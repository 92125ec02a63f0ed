"""Paired bootstrap: items, or whole clusters, redrawn jointly for both models."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import FloatArray, Labels, require_confidence
from olmo_eval.results.statistics.distributions import normal_cdf, normal_quantile
from olmo_eval.results.statistics.paired import paired_totals
from olmo_eval.results.statistics.totals import Totals

BCA_BELOW = 200
"""With fewer clusters than this the percentile interval is corrected for bias and skew (BCa)."""

CHUNK_CELLS = 1 << 21


@frozen
class Bootstrap:
    """A bootstrapped mean or ratio; `stderr` is the standard deviation of the replicates."""

    value: float
    stderr: float
    ci_low: float
    ci_high: float
    draws: int
    method: str
    confidence: float


def bootstrap_totals(
    totals: Totals, draws: int = 2_000, seed: int = 0, confidence: float = 0.95
) -> Bootstrap:
    """Bootstrap of the ratio of `totals` (Efron 1979), over C clusters drawn with replacement.

    The standard error is the standard deviation of the `draws` replicates: it estimates the error
    of the score, and is not divided by sqrt(draws). Percentile interval, BCa (Efron 1987) below
    `BCA_BELOW` clusters. Time grows with C times draws, memory does not. Raises ValueError
    for one cluster or draws < 2.
    """
    require_confidence(confidence)
    if totals.n_clusters < 2 or draws < 2:
        raise ValueError(f"expected 2 clusters and 2 draws, got {totals.n_clusters} and {draws}")
    replicates = np.sort(_replicates(totals, draws, np.random.default_rng(seed)))
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    method = "percentile bootstrap"
    if totals.n_clusters < BCA_BELOW and replicates[0] < replicates[-1]:
        tails, method = _bca_tails(totals, replicates, tails), "BCa bootstrap"
    low, high = np.quantile(replicates, tails)
    spread = float(replicates.std(ddof=1))
    return Bootstrap(totals.ratio, spread, float(low), float(high), draws, method, confidence)


def paired_bootstrap(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: Labels | None = None,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Bootstrap:
    """Bootstrap of the mean difference b - a: one draw of items or clusters serves both models."""
    return bootstrap_totals(paired_totals(a, b, clusters), draws, seed, confidence)


def _replicates(totals: Totals, draws: int, rng: np.random.Generator) -> FloatArray:
    count = totals.n_clusters
    rows = max(1, CHUNK_CELLS // count)
    found = np.empty(draws)
    for start in range(0, draws, rows):
        stop = min(draws, start + rows)
        drawn = rng.integers(0, count, size=(stop - start, count))
        found[start:stop] = totals.sums[drawn].sum(axis=1) / totals.weights[drawn].sum(axis=1)
    return found


def _bca_tails(totals: Totals, replicates: FloatArray, tails: FloatArray) -> FloatArray:
    """Corrected percentiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))), `a` from the jackknife."""
    ties = (replicates < totals.ratio).mean() / 2 + (replicates <= totals.ratio).mean() / 2
    share = min(max(float(ties), 0.5 / replicates.size), 1 - 0.5 / replicates.size)
    bias = normal_quantile(share)
    left_out = (totals.sums.sum() - totals.sums) / (totals.weights.sum() - totals.weights)
    away = left_out.mean() - left_out
    squares = float(np.square(away).sum())
    skew = float((away**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    corrected = []
    for tail in tails:
        z = bias + normal_quantile(float(tail))
        room = 1 - skew * z
        corrected.append(normal_cdf(bias + z / room) if room > 0 else float(tail))
    return np.array([c if math.isfinite(c) else t for c, t in zip(corrected, tails, strict=True)])
