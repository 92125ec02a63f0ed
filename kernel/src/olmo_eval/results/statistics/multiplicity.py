"""Multiplicity: p-values adjusted for the number of comparisons made at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.arrays import FloatArray, score_array, weight_array


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Holm (1979) step-down adjusted p-values, shape (k,): family-wise error at any dependence.

    With p sorted ascending, adjusted_(i) = max_{j <= i} min(1, (k - j + 1) p_(j)). For claims.
    """
    p = _p_array(p_values)
    order = np.argsort(p, kind="stable")
    steps = np.arange(p.size, 0, -1) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Benjamini-Hochberg (1995) adjusted p-values, shape (k,): the false discovery rate.

    With p sorted ascending, adjusted_(i) = min_{j >= i} min(1, k p_(j) / j). For exploration.
    """
    p = _p_array(p_values)
    order = np.argsort(p, kind="stable")
    steps = p.size / np.arange(1, p.size + 1) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return adjusted


def discrete_benjamini_hochberg(
    p_values: npt.ArrayLike,
    supports: Sequence[FloatArray | None],
    weights: npt.ArrayLike | None = None,
) -> FloatArray:
    """`benjamini_hochberg` for tests that can only give certain p-values (Heyse 2011), shape (k,).

    `supports` has, for each test, the p-values it can give, ascending (None: any). A test that
    cannot give a p-value as small as t counts for nothing at t, so with F_i(t) the largest p-value
    up to t that test i can give, adjusted_(j) = min_{l >= j} min(1, sum_i F_i(p_(l)) / l). Never
    larger than Benjamini-Hochberg's.

    `weights` (k,), which must not depend on the p-values, give the tests shares of the error as in
    Genovese, Roeder and Wasserman 2006: they are scaled to the mean 1, and p / weight takes the
    place of p, F_i(weight t) that of F_i(t). Raises ValueError for a weight that is not positive.
    """
    p = _p_array(p_values)
    share = np.ones_like(p) if weights is None else weight_array(weights, p.size)
    share = share / share.mean()
    ratio = p / share
    order = np.argsort(ratio, kind="stable")
    reached = np.zeros_like(p)
    for support, weight in zip(supports, share, strict=True):
        limit = np.minimum(ratio[order] * weight, 1.0)
        if support is None:
            reached += limit
            continue
        index = np.searchsorted(support, limit * (1 + 1e-12), side="right")
        reached += np.where(index > 0, support[np.maximum(index - 1, 0)], 0.0)
    steps = reached / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return adjusted


def no_adjustment(p_values: npt.ArrayLike) -> FloatArray:
    """The p-values themselves."""
    return _p_array(p_values)


ADJUSTMENTS: dict[str, Callable[[npt.ArrayLike], FloatArray]] = {
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
    "none": no_adjustment,
}


def adjust_p_values(p_values: npt.ArrayLike, method: str = "holm") -> FloatArray:
    """Adjusted p-values by name. Raises ValueError for an unknown method."""
    if method not in ADJUSTMENTS:
        raise ValueError(f"unknown adjustment {method!r}: expected one of {', '.join(ADJUSTMENTS)}")
    return ADJUSTMENTS[method](p_values)


def _p_array(p_values: npt.ArrayLike) -> FloatArray:
    p = score_array(p_values, "p_values")
    wrong = (p < 0) | (p > 1)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueError(f"p_values[{index}]: expected a number in [0, 1], got {p[index]}")
    return p
