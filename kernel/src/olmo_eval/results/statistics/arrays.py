"""Checked arrays: the one door through which scores and cluster labels enter the statistics."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Labels = Iterable[Hashable]


def score_array(values: npt.ArrayLike, name: str = "scores") -> FloatArray:
    """One float64 per item, shape (n,), n >= 1, all finite.

    Raises ValueError for an empty or nested input, and for a missing value, naming its index: a
    missing score is an outcome to report (see `score_bounds`), never a number to average.
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"{name}: expected one number per item, got shape {scores.shape}")
    if scores.size == 0:
        raise ValueError(f"{name}: expected at least one item, got none")
    finite = np.isfinite(scores)
    if not finite.all():
        index = int(np.argmin(finite))
        raise ValueError(f"{name}[{index}]: expected a finite number, got {scores[index]}")
    return scores


def paired_arrays(
    a: npt.ArrayLike, b: npt.ArrayLike, names: tuple[str, str] = ("a", "b")
) -> tuple[FloatArray, FloatArray]:
    """Two score arrays of the same items in the same order. Raises ValueError if lengths differ."""
    first, second = score_array(a, names[0]), score_array(b, names[1])
    if first.size != second.size:
        raise ValueError(
            f"a paired comparison needs the same items on both sides: "
            f"{names[0]} has {first.size}, {names[1]} has {second.size}"
        )
    return first, second


def weight_array(values: npt.ArrayLike, n: int, name: str = "weights") -> FloatArray:
    """Positive weights or denominators, shape (n,). Raises ValueError otherwise."""
    weights = score_array(values, name)
    if weights.size != n:
        raise ValueError(f"{name}: expected {n} numbers, got {weights.size}")
    if (weights <= 0).any():
        index = int(np.argmax(weights <= 0))
        raise ValueError(f"{name}[{index}]: expected a positive number, got {weights[index]}")
    return weights


def is_binary(scores: FloatArray) -> bool:
    """Whether every score is exactly 0 or 1."""
    return bool(((scores == 0.0) | (scores == 1.0)).all())


def require_binary(scores: FloatArray, name: str = "scores") -> None:
    """Raises ValueError naming the first score that is neither 0 nor 1."""
    wrong = (scores != 0.0) & (scores != 1.0)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueError(f"{name}[{index}]: expected 0 or 1 in a binary score, got {scores[index]}")


def require_confidence(confidence: float) -> None:
    """Raises ValueError unless 0 < confidence < 1."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")


def cluster_codes(clusters: Labels | None, n: int) -> IntArray | None:
    """Cluster labels as integers 0..C-1, shape (n,), or None when every item stands alone.

    An item whose label is None or NaN belongs to no group and stands alone. Raises ValueError when
    the number of labels is not n.
    """
    if clusters is None:
        return None
    if isinstance(clusters, np.ndarray) and clusters.dtype.kind in "iub":
        _require_labels(clusters.size, n)
        distinct, inverse = np.unique(clusters, return_inverse=True)
        return None if distinct.size == n else inverse.reshape(-1).astype(np.intp)
    labels = clusters.tolist() if isinstance(clusters, np.ndarray) else list(clusters)
    _require_labels(len(labels), n)
    seen: dict[Hashable, int] = {}
    codes = np.empty(n, dtype=np.intp)
    for index, label in enumerate(labels):
        alone = label is None or label != label
        codes[index] = seen.setdefault(object() if alone else label, len(seen))
    return None if len(seen) == n else codes


def _require_labels(found: int, n: int) -> None:
    if found != n:
        raise ValueError(f"clusters: expected one label per item ({n}), got {found}")
