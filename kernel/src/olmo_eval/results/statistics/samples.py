"""Samples: scores of tasks that ask the model several times about each item."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import FloatArray, Labels
from olmo_eval.results.statistics.estimates import Estimate, estimate


@frozen
class VarianceComponents:
    """Where the variance of a sampled score comes from, in squared units of the score.

    `between` is the variance over items of the expected score, Var_i(mu_i); `within` the mean over
    items of the variance over samples of one item, E[sigma_i^2].
    """

    between: float
    within: float
    n: int
    samples: int

    def stderr(self, samples: int | None = None, n: int | None = None) -> float:
        """SE of the mean with K samples of n items: sqrt((between + within / K) / n) (Miller
        2024).
        """
        count = self.n if n is None else n
        return float(np.sqrt((self.between + self.within / (samples or self.samples)) / count))


def estimate_samples(
    samples: npt.ArrayLike, clusters: Labels | None = None, confidence: float = 0.95
) -> Estimate:
    """Mean score of n items with K samples each, `samples` of shape (n, K).

    The unit is the item: the K samples of an item are averaged first, so that the standard error is
    sqrt((Var_i(mu_i) + E[sigma_i^2] / K) / n) and never shrinks as if n K items had been asked.
    Raises ValueError as `estimate`.
    """
    matrix = sample_matrix(samples)
    return estimate(matrix.mean(axis=1), clusters, confidence=confidence)


def variance_components(samples: npt.ArrayLike) -> VarianceComponents:
    """Between-item and within-item variance of `samples` (n, K), n >= 2 and K >= 2.

    within = mean over items of the sample variance (ddof 1); between = max(0, variance over items
    of the item means - within / K). Raises ValueError for K = 1: one sample an item says nothing
    about the variance within it.
    """
    matrix = sample_matrix(samples)
    n, count = matrix.shape
    if n < 2 or count < 2:
        raise ValueError(f"variance components need 2 items and 2 samples each, got {n} x {count}")
    within = float(matrix.var(axis=1, ddof=1).mean())
    total = float(matrix.mean(axis=1).var(ddof=1))
    return VarianceComponents(max(0.0, total - within / count), within, n, count)


def pass_at_k(n_samples: npt.ArrayLike, n_correct: npt.ArrayLike, k: int) -> FloatArray:
    """Unbiased pass@k of each problem, 1 - C(N-c, k) / C(N, k) (Chen et al. 2021), shape (n,).

    `n_samples` is N, one number or one a problem; `n_correct` is c, shape (n,). Raises ValueError
    unless 0 <= c <= N and 1 <= k <= N.
    """
    correct = np.atleast_1d(np.asarray(n_correct, dtype=np.float64))
    total = np.broadcast_to(np.asarray(n_samples, dtype=np.float64), correct.shape)
    if correct.size == 0:
        raise ValueError("n_correct: expected at least one problem, got none")
    wrong = ~((correct >= 0) & (correct <= total) & (k <= total)) | (k < 1)
    if wrong.any():
        index = int(np.argmax(wrong))
        found = f"c={correct[index]:g}, N={total[index]:g}, k={k}"
        raise ValueError(f"problem {index}: expected 0 <= c <= N and 1 <= k <= N, got {found}")
    failure = np.ones(correct.size)
    for drawn in range(k):
        failure *= np.clip((total - correct - drawn) / (total - drawn), 0.0, 1.0)
    return 1.0 - failure


def estimate_pass_at_k(
    n_samples: npt.ArrayLike,
    n_correct: npt.ArrayLike,
    k: int,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean pass@k over problems; the unit of the standard error is the problem, not the sample."""
    return estimate(pass_at_k(n_samples, n_correct, k), clusters, confidence=confidence)


def sample_matrix(samples: npt.ArrayLike) -> FloatArray:
    """Scores of shape (n, K), all finite. Raises ValueError naming the first missing score."""
    matrix = np.asarray(samples, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"samples: expected shape (items, samples), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        item, sample = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"samples[{item}, {sample}]: expected a finite number")
    return matrix
