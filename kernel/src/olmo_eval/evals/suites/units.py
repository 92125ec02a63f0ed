"""What a suite may average: numbers of one unit, of which all are better in one direction."""

from __future__ import annotations

from collections.abc import Mapping

from olmo_eval.common.metrics.base import Metric, unit_of
from olmo_eval.errors import UsageError
from olmo_eval.evals.suites.suite import Suite


def refuse_mixed(suite: Suite, primaries: Mapping[str, Metric]) -> None:
    """Refuse a suite whose average would say nothing; ``primaries`` are its tasks' primary metrics.

    Raises:
        UsageError: naming two members that do not go together, and how to say what is meant.
    """
    if not suite.aggregation.averages or not primaries:
        return
    (first, reference), *others = primaries.items()
    for name, metric in others:
        turned = metric.higher_is_better != reference.higher_is_better
        if turned or (unit_of(metric) != unit_of(reference) and not suite.mixed):
            ways = 'aggregation="display_only" shows them side by side'
            if not turned:
                ways += "; mixed=True averages them all the same"
            raise UsageError(
                f"suite {suite.name!r} averages unlike numbers: {first} has "
                f"{_described(reference)}, {name} has {_described(metric)}",
                hint=f"its authors must say how: {ways}",
            )


def _described(metric: Metric) -> str:
    better = "higher" if metric.higher_is_better else "lower"
    return f"{metric.metric_name} ({unit_of(metric)}, {better} is better)"
