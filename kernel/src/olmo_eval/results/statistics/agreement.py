"""Agreement of raters: shares, Cohen's kappa and Krippendorff's alpha, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from olmo_eval.results.statistics.arrays import (
    FloatArray,
    IntArray,
    Labels,
    cluster_codes,
    require_confidence,
)
from olmo_eval.results.statistics.intervals import wilson_interval

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["linear", "quadratic"]
Mask = npt.NDArray[np.bool_]

MOST_CATEGORIES = 100
"""More categories than this are no categories: a table of them has too many cells to be filled."""

DEFINED = 0.9
"""An interval is given where the statistic is defined in at least this share of the draws."""

MISSING = -1


@frozen
class Agreement:
    """A coefficient of agreement; None where it is not defined, or has no interval.

    There is no interval where no redrawing of the units changes it: raters who have never differed
    may do so yet. ``n`` is how many units two ratings or more were given to, ``n_clusters`` how
    many independent ones; ``draws`` how many of the bootstrap's replicates are defined.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    n_clusters: int
    draws: int = 0
    confidence: float = 0.95


def raw_agreement(
    ratings: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Share of the pairs of ratings of one unit that are the same, a unit weighing by its ratings.

    `ratings` are category codes of shape (raters, units), -1 where one is missing. It is the
    observed agreement sum_c o_cc / n of Krippendorff's coincidence matrix; of two raters, plainly
    the share of units on which they agree. Its interval is the percentile bootstrap over clusters;
    where all or none agree, Wilson's over as many trials as there are clusters. Raises ValueError
    as `krippendorff_alpha`.
    """
    cells = _coincidences(_codes(ratings))
    found = _bootstrapped(cells, clusters, _same_share, draws, seed, confidence)
    if found.value not in (0.0, 1.0):
        return found
    low, high = wilson_interval(found.value * found.n_clusters, found.n_clusters, confidence)
    return evolve(found, ci_low=low, ci_high=high)


def cohen_kappa(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: Weights | None = None,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two raters (Cohen 1960; weighted: Cohen 1968).

    kappa = 1 - sum w_ij p_ij / sum w_ij p_i. p_.j over the table of shares p, where the
    disagreement w_ij is 1 off the diagonal, or |i - j| (`linear`) or (i - j)^2 (`quadratic`). The
    codes, of shape (units,), are positions on the scale; a unit that lacks a rating (-1) is left
    out. Not defined where both raters use one category alone. The interval is the percentile
    bootstrap over clusters. Raises ValueError for unequal lengths.
    """
    pair = _codes([np.asarray(first), np.asarray(second)])
    size = _size(pair)
    both: Mask = np.all(pair >= 0, axis=0)
    units = np.flatnonzero(both)
    flat = pair[0, both] * size + pair[1, both]
    cells = _Cells(pair.shape[1], size, units, flat, np.ones(units.size), both)
    away = _disagreement(size, weights)

    def kappa(table: FloatArray) -> float:
        share = table / table.sum()
        expected = float((away * np.outer(share.sum(axis=1), share.sum(axis=0))).sum())
        return 1 - float((away * share).sum()) / expected if expected > 0 else math.nan

    return _bootstrapped(cells, clusters, kappa, draws, seed, confidence)


def krippendorff_alpha(
    ratings: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    level: Level = "nominal",
    values: Sequence[float] | None = None,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Krippendorff's alpha of any number of raters, with any ratings missing.

    alpha = 1 - (n - 1) sum o_ck d_ck / sum n_c n_k d_ck, where each unit u with m_u >= 2 ratings
    adds its ordered pairs, each 1 / (m_u - 1), to the coincidences o, n_c = sum_k o_ck, and the
    difference d_ck is 1 (`nominal`), (sum_{g=c..k} n_g - (n_c + n_k) / 2)^2 (`ordinal`) or
    (v_c - v_k)^2 (`interval`): Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
    `ratings` are category codes of shape (raters, units), -1 where missing, `values` the number
    that each code stands for (`interval`; by default the code). Not defined where all ratings are
    the same. The interval is the percentile bootstrap over clusters of units.

    Raises ValueError for codes that are not integers from -1, more than `MOST_CATEGORIES` of them,
    or fewer values than codes.
    """
    codes = _codes(ratings)
    size = _size(codes)
    scale = np.arange(size, dtype=np.float64) if values is None else np.asarray(values, np.float64)
    if scale.size < size:
        raise ValueError(f"values: expected one for each of {size} codes, got {scale.size}")
    squares = np.square(scale[:size, None] - scale[None, :size])

    def alpha(table: FloatArray) -> float:
        counts = table.sum(axis=1)
        total = float(counts.sum())
        away = 1.0 - np.eye(size)
        if level == "ordinal":
            away = _ordinal(counts)
        elif level == "interval":
            away = squares
        expected = float((np.outer(counts, counts) * away).sum())
        observed = float((table * away).sum())
        return 1 - (total - 1) * observed / expected if expected > 0 else math.nan

    return _bootstrapped(_coincidences(codes), clusters, alpha, draws, seed, confidence)


def confusion(first: npt.ArrayLike, second: npt.ArrayLike, size: int) -> npt.NDArray[np.int64]:
    """How often the first rater gave each code (row) where the second gave each (column), shape
    (size, size); units that lack a rating are left out. Raises ValueError for unequal lengths."""
    pair = _codes([np.asarray(first), np.asarray(second)])
    both = (pair >= 0).all(axis=0)
    flat = pair[0, both] * size + pair[1, both]
    return np.bincount(flat, minlength=size * size).reshape(size, size).astype(np.int64)


@frozen(eq=False)
class _Cells:
    """What each unit adds to a square table: `amounts` at the flat places `cells`."""

    n_units: int
    size: int
    units: IntArray
    cells: IntArray
    amounts: FloatArray
    counted: Mask

    def table(self, weights: FloatArray) -> FloatArray:
        """The table with each unit as often as `weights` says."""
        amounts = self.amounts * weights[self.units]
        flat = np.bincount(self.cells, amounts, minlength=self.size * self.size)
        return flat.astype(np.float64).reshape(self.size, self.size)


def _codes(ratings: npt.ArrayLike | list[npt.NDArray[np.generic]]) -> IntArray:
    try:
        given = np.asarray(ratings)
    except ValueError:
        raise ValueError("ratings: expected as many of each rater") from None
    if given.ndim != 2 or given.dtype.kind not in "iu":
        raise ValueError(
            f"ratings: expected integer codes of shape (raters, units), got {given.dtype} of shape "
            f"{given.shape}"
        )
    codes = given.astype(np.intp)
    if codes.size and (codes.min() < MISSING or codes.max() >= MOST_CATEGORIES):
        raise ValueError(
            f"ratings: expected codes from {MISSING} to {MOST_CATEGORIES - 1}, got "
            f"{codes.min()} to {codes.max()}"
        )
    return codes


def _size(codes: IntArray) -> int:
    return int(codes.max()) + 1 if codes.size and codes.max() >= 0 else 1


def _coincidences(codes: IntArray) -> _Cells:
    """The ordered pairs of ratings of each unit, each weighing 1 / (ratings of the unit - 1)."""
    raters, n = codes.shape
    size = _size(codes)
    present = (codes >= 0).sum(axis=0)
    units, cells, amounts = [], [], []
    for i in range(raters):
        for j in range(raters):
            if i == j:
                continue
            both = np.flatnonzero((codes[i] >= 0) & (codes[j] >= 0))
            units.append(both)
            cells.append(codes[i, both] * size + codes[j, both])
            amounts.append(1.0 / (present[both] - 1))
    if not units:
        nothing = np.empty(0, dtype=np.intp)
        return _Cells(n, size, nothing, nothing, np.empty(0), present >= 2)
    joined = [np.concatenate(part) for part in (units, cells, amounts)]
    return _Cells(n, size, joined[0], joined[1], joined[2], present >= 2)


def _same_share(table: FloatArray) -> float:
    return float(np.trace(table)) / float(table.sum())


def _disagreement(size: int, weights: Weights | None) -> FloatArray:
    places = np.arange(size, dtype=np.float64)
    apart = np.abs(places[:, None] - places[None, :])
    if weights is None:
        return (apart > 0).astype(np.float64)
    return apart if weights == "linear" else np.square(apart)


def _ordinal(counts: FloatArray) -> FloatArray:
    """(sum of the counts from c to k, less half of both ends)^2, shape (size, size)."""
    middles = np.cumsum(counts) - counts / 2
    return np.square(middles[:, None] - middles[None, :])


def _bootstrapped(
    cells: _Cells,
    clusters: Labels | None,
    statistic: Callable[[FloatArray], float],
    draws: int,
    seed: int,
    confidence: float,
) -> Agreement:
    """The statistic of the whole table, and its percentiles over tables of redrawn clusters."""
    require_confidence(confidence)
    kept = np.flatnonzero(cells.counted)
    if not kept.size:
        return Agreement(None, None, None, 0, 0, confidence=confidence)
    codes = cluster_codes(_labels(clusters, cells.n_units, kept), kept.size)
    of_kept = np.arange(kept.size) if codes is None else codes
    n_clusters = int(of_kept.max()) + 1
    value = statistic(cells.table(cells.counted.astype(np.float64)))
    whole = Agreement(
        None if math.isnan(value) else value, None, None, kept.size, n_clusters, 0, confidence
    )
    if math.isnan(value) or n_clusters < 2 or draws < 2:
        return whole
    replicates = np.empty(draws)
    rng = np.random.default_rng(seed)
    weights = np.zeros(cells.n_units)
    for draw in range(draws):
        times = np.bincount(rng.integers(0, n_clusters, n_clusters), minlength=n_clusters)
        weights[kept] = times[of_kept]
        replicates[draw] = statistic(cells.table(weights))
    defined = replicates[~np.isnan(replicates)]
    if defined.size < DEFINED * draws:
        return evolve(whole, draws=int(defined.size))
    if defined.min() == defined.max():
        return whole
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return evolve(whole, ci_low=float(low), ci_high=float(high), draws=int(defined.size))


def _labels(clusters: Labels | None, n: int, kept: IntArray) -> list[Hashable] | None:
    if clusters is None:
        return None
    labels = list(clusters)
    if len(labels) != n:
        raise ValueError(f"clusters: expected one label per unit ({n}), got {len(labels)}")
    return [labels[i] for i in kept]
