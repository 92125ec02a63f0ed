"""Multiplicity: p-values adjusted for the number of comparisons made at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.arrays import FloatArray, score_array


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
