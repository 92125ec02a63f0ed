"""From a task's columns to the rows of the metrics table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.results.columns import FloatArray, TaskColumns
from olmo_eval.results.statistics import Estimate, estimate, ratio_estimate, score_bounds

#: lowest and highest value a score can have; None where there is no such bound
Bounds = tuple[float | None, float | None]


@frozen
class Score:
    """One score with all that belongs to it: a row of ``metrics.parquet``."""

    name: str
    kind: str
    task: str
    variants: tuple[str, ...]
    metric: str
    scorer: str
    primary: bool
    higher_is_better: bool
    value: float | None
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    mde: float | None
    n_expected: int
    n_scored: int
    n_clusters: int
    worst_case: float | None
    best_case: float | None
    method: str

    @property
    def complete(self) -> bool:
        return self.n_scored == self.n_expected


def task_estimate(
    metric: Metric, values: FloatArray, weights: FloatArray, clusters: Sequence[Any] | None
) -> Estimate | None:
    """The metric's score and its uncertainty over the instances that have a value."""
    present = ~np.isnan(values)
    if not present.any():
        return None
    labels = None
    if clusters is not None:
        labels = [c for c, keep in zip(clusters, present, strict=True) if keep]
    if metric.weighted:
        kept = weights[present]
        result = ratio_estimate(values[present] * kept, kept, labels)
    else:
        binary = True if metric.binary else None
        result = estimate(values[present], labels, binary=binary)
    return within(transformed(result, metric.transform), value_bounds(metric))


def value_bounds(metric: Metric) -> Bounds:
    """Bounds of the metric's score: a mean lies between those of its instances."""
    return metric.bounds if metric.transform is None else (None, None)


def within(result: Estimate, bounds: Bounds) -> Estimate:
    """``result`` with an interval that ends where scores do; a bound that the value itself has
    left is none.
    """
    low, high = bounds
    ends = result.ci_low, result.ci_high
    if low is not None and ends[0] is not None and low <= result.value:
        ends = max(low, ends[0]), ends[1]
    if high is not None and ends[1] is not None and high >= result.value:
        ends = ends[0], min(high, ends[1])
    return evolve(result, ci_low=ends[0], ci_high=ends[1])


def transformed_mean(mean: float, transform: str | None) -> float:
    """A metric's score from the mean of its values."""
    if transform is None:
        return mean
    if transform != "exp":
        raise ValueError(f"unknown transform {transform!r}")
    return math.exp(mean)


def transformed(result: Estimate, transform: str | None) -> Estimate:
    """The estimate of exp(mean): the interval's ends transform, the error by the delta method."""
    if transform is None:
        return result
    value = transformed_mean(result.value, transform)

    def scale(x: float | None) -> float | None:
        return None if x is None else x * value

    ends = [None if x is None else math.exp(x) for x in (result.ci_low, result.ci_high)]
    return evolve(
        result,
        value=value,
        stderr=scale(result.stderr),
        ci_low=ends[0],
        ci_high=ends[1],
        mde=scale(result.mde),
        method=f"{result.method}, exponential",
    )


def task_scores(
    name: str,
    task: str,
    variants: Sequence[str],
    metrics: Sequence[Metric],
    primary: Metric,
    columns: TaskColumns,
    n_expected: int,
) -> list[Score]:
    """Every metric of a task as a row, the primary one first."""
    ordered = sorted(metrics, key=lambda m: m.key != primary.key)
    return [
        _score(name, task, tuple(variants), m, m.key == primary.key, columns, n_expected)
        for m in ordered
    ]


def _score(
    name: str,
    task: str,
    variants: tuple[str, ...],
    metric: Metric,
    primary: bool,
    columns: TaskColumns,
    n_expected: int,
) -> Score:
    values, weights = columns.values(metric.key), columns.weights(metric.key)
    n_scored = int((~np.isnan(values)).sum())
    result = task_estimate(metric, values, weights, columns.clusters)
    low, high = _bounds(metric, result, n_scored, n_expected)
    worst, best = (low, high) if metric.higher_is_better else (high, low)
    return Score(
        name=name,
        kind="task",
        task=task,
        variants=variants,
        metric=metric.metric_name,
        scorer=metric.scorer.name,
        primary=primary,
        higher_is_better=metric.higher_is_better,
        value=None if result is None else result.value,
        stderr=None if result is None else result.stderr,
        ci_low=None if result is None else result.ci_low,
        ci_high=None if result is None else result.ci_high,
        mde=None if result is None else result.mde,
        n_expected=n_expected,
        n_scored=n_scored,
        n_clusters=n_scored if result is None else result.n_clusters,
        worst_case=worst,
        best_case=best,
        method="" if result is None else result.method,
    )


def _bounds(
    metric: Metric, result: Estimate | None, n_scored: int, n_expected: int
) -> tuple[float | None, float | None]:
    """Lowest and highest value the score could have if the missing instances were known.

    With unequal weights the missing ones' weight is unknown, so only a complete score is bounded.
    """
    value = None if result is None else result.value
    if n_scored == n_expected:
        return value, value
    if metric.weighted or metric.transform is not None:
        return None, None
    bounds = score_bounds(value, n_scored, n_expected, metric.bounds)
    return bounds.low, bounds.high


def score_estimate(score: Score) -> Estimate | None:
    """The estimate a row was made of, for averaging rows into suites."""
    if score.value is None:
        return None
    return Estimate(
        value=score.value,
        stderr=score.stderr,
        ci_low=score.ci_low,
        ci_high=score.ci_high,
        n=score.n_scored,
        n_clusters=score.n_clusters,
        method=score.method,
        mde=score.mde,
        df=max(1, score.n_clusters - 1),
    )
