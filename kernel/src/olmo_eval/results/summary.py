"""From a task's columns to the rows of the metrics table."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, frozen

from olmo_eval.results.statistics import Estimate, estimate, ratio_estimate, score_bounds

if TYPE_CHECKING:
    from olmo_eval.common.metrics import Metric
    from olmo_eval.results.columns import FloatArray, TaskColumns

#: lowest and highest value a score can have; None where there is no such bound
Bounds = tuple[float | None, float | None]

#: how far a value may lie outside of its bounds because floats are rounded
_ROUNDING = 1e-9
#: above it, exp overflows
_LARGEST_EXPONENT = math.log(sys.float_info.max)


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

    @classmethod
    def of(cls, result: Estimate | None, **fields: Any) -> Score:
        """The score that ``result`` estimates; without a result it has neither value nor error.

        ``fields`` are all that is not of the estimate (what the score is of, counts, worst and best
        case), and what takes the place of something of it.
        """
        known: dict[str, Any] = dict.fromkeys(("value", "stderr", "ci_low", "ci_high", "mde"))
        known |= {"method": "", "n_clusters": fields["n_scored"]}
        if result is not None:
            known = {name: getattr(result, name) for name in known}
        return cls(**{**known, **fields})


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
        # a judge of 0 to 10 that has only given 0 and 1 yet is no coin
        binary = None if metric.bounds == (0.0, 1.0) else False
        result = estimate(values[present], labels, binary=binary)
    return within(transformed(result, metric.transform), score_range(metric, values))


def value_range(metric: Metric, values: FloatArray) -> Bounds:
    """The bounds that the metric declares for an instance; none where ``values`` leave them, for
    then nobody knows where they end.
    """
    return (None, None) if outside(metric, values) is not None else metric.bounds


def score_range(metric: Metric, values: FloatArray) -> Bounds:
    """Bounds of the metric's score: a mean lies between those of its instances."""
    return value_range(metric, values) if metric.transform is None else (None, None)


def outside(metric: Metric, values: FloatArray) -> float | None:
    """A value that lies outside of the bounds that the metric declares, if there is one."""
    low, high = metric.bounds
    for value in _extremes(values):
        below = low is not None and value < low - _ROUNDING
        above = high is not None and value > high + _ROUNDING
        if below or above:
            return value
    return None


def _extremes(values: FloatArray) -> tuple[float, ...]:
    present = values[~np.isnan(values)]
    return (float(present.min()), float(present.max())) if present.size else ()


def declared_wrongly(metric: Metric, values: FloatArray) -> list[str]:
    """What the metric says of its values that they contradict, each with what follows from it."""
    notes = []
    found = outside(metric, values)
    if found is not None:
        notes.append(
            f"{metric.key} has the value {found:g}, outside of its bounds {_shown(metric.bounds)}: "
            "no worst and best case is given; declare the bounds of the scorer or of the metric"
        )
    present = values[~np.isnan(values)]
    if metric.binary and not np.isin(present, (0.0, 1.0)).all():
        notes.append(
            f"{metric.key} is declared binary but has values other than 0 and 1: it is treated as "
            "a number"
        )
    return notes


def _shown(bounds: Bounds) -> str:
    low, high = ("unbounded" if end is None else f"{end:g}" for end in bounds)
    return f"({low}, {high})"


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
        return None if x is None else _finite(x * value)

    return evolve(
        result,
        value=value,
        stderr=scale(result.stderr),
        ci_low=_exp(result.ci_low),
        ci_high=_exp(result.ci_high),
        mde=scale(result.mde),
        method=f"{result.method}, exponential",
    )


def _exp(x: float | None) -> float | None:
    """exp(x); None where it is more than a float holds."""
    return None if x is None or x > _LARGEST_EXPONENT else math.exp(x)


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def task_scores(
    name: str,
    task: str,
    variants: Sequence[str],
    metrics: Sequence[Metric],
    primary: Metric,
    columns: TaskColumns,
    n_expected: int,
) -> list[Score]:
    """Every metric of a task as a row, the primary one first.

    Of the ``n_expected`` instances a metric expects those that it applies to. A primary metric that
    seems to apply to none expects all: a task without any score has lost it.
    """
    ordered = sorted(metrics, key=lambda m: m.key != primary.key)
    expected = {m.key: n_expected - columns.inapplicable[m.key] for m in ordered}
    expected[primary.key] = expected[primary.key] or n_expected
    return [
        _score(name, task, tuple(variants), m, m.key == primary.key, columns, expected[m.key])
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
    low, high = _bounds(metric, result, n_scored, n_expected, value_range(metric, values))
    worst, best = (low, high) if metric.higher_is_better else (high, low)
    return Score.of(
        result,
        name=name,
        kind="task",
        task=task,
        variants=variants,
        metric=metric.metric_name,
        scorer=metric.scorer.name,
        primary=primary,
        higher_is_better=metric.higher_is_better,
        n_expected=n_expected,
        n_scored=n_scored,
        worst_case=worst,
        best_case=best,
    )


def _bounds(
    metric: Metric, result: Estimate | None, n_scored: int, n_expected: int, of_one: Bounds
) -> Bounds:
    """Lowest and highest value the score could have if the missing instances were known,
    and each lay within ``of_one``.

    With unequal weights the missing ones' weight is unknown, so only a complete score is bounded.
    """
    value = None if result is None else result.value
    if n_scored == n_expected:
        return value, value
    if metric.weighted or metric.transform is not None:
        return None, None
    bounds = score_bounds(_clipped(value, of_one), n_scored, n_expected, of_one)
    return bounds.low, bounds.high


def _clipped(value: float | None, bounds: Bounds) -> float | None:
    """``value`` moved to the bound that rounding has carried it across."""
    low, high = bounds
    if value is None:
        return None
    value = value if low is None else max(low, value)
    return value if high is None else min(high, value)


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
