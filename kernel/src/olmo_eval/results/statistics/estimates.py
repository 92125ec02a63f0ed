"""Estimates: one score with its standard error, its interval and what it could detect."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import (
    Labels,
    cluster_codes,
    is_binary,
    require_binary,
    require_confidence,
    score_array,
    weight_array,
)
from olmo_eval.results.statistics.distributions import normal_quantile
from olmo_eval.results.statistics.intervals import Interval, t_interval, wilson_interval
from olmo_eval.results.statistics.power import minimum_detectable_effect
from olmo_eval.results.statistics.totals import Totals, cluster_totals


@frozen
class Estimate:
    """A score (or a difference of scores) and its uncertainty, in the units of the score.

    `stderr`, the interval and `mde` are None where the data cannot tell: a single item or cluster,
    or scores without any variation whose range is unknown. `mde` is the smallest true distance
    from a fixed value that the sample detects (two-sided alpha 0.05, power 0.8).
    """

    value: float
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    n_clusters: int
    method: str
    mde: float | None
    df: float | None
    confidence: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values: finite numbers, strings or None."""
        return json_fields(self)


def json_fields(value: Any) -> dict[str, Any]:
    """The fields of a flat attrs value, with a non-finite number as None."""
    return {key: json_number(field) for key, field in attrs.asdict(value).items()}


def json_number(field: Any) -> Any:
    """None in place of NaN or infinity, anything else unchanged."""
    return None if isinstance(field, float) and not math.isfinite(field) else field


def estimate(
    scores: npt.ArrayLike,
    clusters: Labels | None = None,
    binary: bool | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean of `scores` (n,) with the interval that fits them.

    Binary scores (`binary=None`: every score is 0 or 1) of items that stand alone get the Wilson
    interval; everything else a t interval, with cluster-robust error and C - 1 degrees of freedom
    when `clusters` (n labels; None stands alone) groups items. Binary scores without variation get
    Wilson at n = the number of clusters, and its half-width / z as standard error: never zero.
    Raises ValueError for empty, missing or mismatched input, and for scores other than 0 and 1
    with `binary=True`.
    """
    values = score_array(scores)
    if binary:
        require_binary(values)
    totals = cluster_totals(values, cluster_codes(clusters, values.size))
    if binary or (binary is None and is_binary(values)):
        return binary_estimate(totals, confidence)
    method = "clustered t" if totals.clustered else "t"
    return totals_estimate(totals, method, confidence)


def totals_estimate(totals: Totals, method: str, confidence: float = 0.95) -> Estimate:
    """The ratio of `totals` with its t interval, C - 1 degrees of freedom."""
    require_confidence(confidence)
    stderr = totals.stderr or None
    if stderr is None:
        reason = "one cluster" if totals.n_clusters < 2 else "no variation"
        return make_estimate(totals, None, (None, None), f"{method}: {reason}", None, confidence)
    df = totals.n_clusters - 1
    interval = t_interval(totals.ratio, stderr, df, confidence)
    return make_estimate(totals, stderr, interval, method, df, confidence)


def binary_estimate(totals: Totals, confidence: float = 0.95) -> Estimate:
    """A proportion: Wilson for items that stand alone, else a clustered t interval in [0, 1]."""
    stderr = totals.stderr or None
    if totals.clustered and stderr is not None:
        df = totals.n_clusters - 1
        low, high = t_interval(totals.ratio, stderr, df, confidence)
        limits = (max(0.0, low), min(1.0, high))
        return make_estimate(totals, stderr, limits, "clustered t", df, confidence)
    count = totals.n_clusters
    low, high = wilson_interval(totals.ratio * count, count, confidence)
    method = "Wilson, one unit a cluster" if totals.clustered else "Wilson"
    if stderr is None:
        stderr = (high - low) / 2 / normal_quantile(0.5 + confidence / 2)
    return make_estimate(totals, stderr, (low, high), method, max(1, count - 1), confidence)


def ratio_estimate(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """sum(numerators) / sum(denominators), such as bits per byte over a corpus.

    Both have shape (n,), denominators positive. The error is linearised (delta method, Cochran
    1977 chapter 6): SE = sqrt(C/(C-1) sum_c e_c^2) / sum(denominators), e = numerator - R
    denominator, summed within clusters; t interval with C - 1 degrees of freedom. Raises
    ValueError as `estimate`.
    """
    values = score_array(numerators, "numerators")
    weights = weight_array(denominators, values.size, "denominators")
    totals = cluster_totals(values, cluster_codes(clusters, values.size), weights)
    method = "clustered ratio (delta method, t)" if totals.clustered else "ratio (delta method, t)"
    return totals_estimate(totals, method, confidence)


def make_estimate(
    totals: Totals,
    stderr: float | None,
    interval: Interval | tuple[None, None],
    method: str,
    df: float | None,
    confidence: float,
) -> Estimate:
    """An `Estimate` of the ratio of `totals`, its minimum detectable effect computed from
    `stderr`.
    """
    mde = None if stderr is None else minimum_detectable_effect(stderr)
    low, high = interval
    counts = (totals.n, totals.n_clusters)
    return Estimate(totals.ratio, stderr, low, high, *counts, method, mde, df, confidence)
