"""Cluster totals: the sufficient statistics of a mean, a clustered mean and a ratio.

A mean over n items, a mean over clustered items and a byte-weighted average are one estimator, the
ratio R = sum_c S_c / sum_c W_c, where cluster c has the total score S_c and the total weight W_c
(its number of items, or its bytes). Unclustered data are clusters of one.
"""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen

from olmo_eval.results.statistics.arrays import FloatArray, IntArray

ROUNDING = 1e-12
"""Residuals below this fraction of the largest total are rounding, not variation."""


@frozen(eq=False)
class Totals:
    """Total score and total weight of each of C independent clusters, shapes (C,)."""

    sums: FloatArray
    weights: FloatArray
    n: int

    @property
    def n_clusters(self) -> int:
        """C, the number of independent clusters."""
        return int(self.sums.size)

    @property
    def clustered(self) -> bool:
        """Whether any cluster holds more than one item."""
        return self.n_clusters < self.n

    @property
    def ratio(self) -> float:
        """R = sum S / sum W: the mean, or the weighted average."""
        return float(self.sums.sum() / self.weights.sum())

    @property
    def residuals(self) -> FloatArray:
        """e_c = S_c - R W_c, with rounding noise set to zero."""
        residuals = self.sums - self.ratio * self.weights
        residuals[np.abs(residuals) <= ROUNDING * np.abs(self.sums).max()] = 0.0
        return residuals

    @property
    def stderr(self) -> float | None:
        """SE(R) = sqrt(C/(C-1) sum_c e_c^2) / sum W; None for a single cluster.

        For items that stand alone this is sqrt(sum (s - mean)^2 / (n (n-1))); for clusters it is
        the cluster-robust error of Miller (2024, appendix A) with the C/(C-1) correction; for
        weights it is the linearised (delta method) error of a ratio (Cochran 1977, chapter 6).
        """
        count = self.n_clusters
        if count < 2:
            return None
        squares = float(np.square(self.residuals).sum())
        return math.sqrt(count / (count - 1) * squares) / float(self.weights.sum())


def cluster_totals(
    scores: FloatArray, codes: IntArray | None, weights: FloatArray | None = None
) -> Totals:
    """Totals of `scores` (n,) by cluster code; `weights` (n,) defaults to one per item."""
    item_weights = np.ones(scores.size) if weights is None else weights
    if codes is None:
        return Totals(scores, item_weights, scores.size)
    sums = np.bincount(codes, weights=scores).astype(np.float64)
    return Totals(sums, np.bincount(codes, weights=item_weights).astype(np.float64), scores.size)
