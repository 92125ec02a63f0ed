"""Scores of suites, from the scores of their members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.results.statistics import Estimate, macro_estimate
from olmo_eval.results.suitenode import SuiteNode as SuiteNode
from olmo_eval.results.summary import Bounds, Score, score_estimate, within


def aggregate(node: SuiteNode, of_task: Callable[[str], Any], combine: Callable[..., Any]) -> Any:
    """Walk a suite by its strategy: ``of_task(name)`` at the leaves, ``combine(parts, names)``
    above; None where the strategy gives no score or a member has none.

    Every nested suite is summed up by its own strategy, whatever is above it.
    """
    if node.aggregation in ("none", "display_only"):
        return None
    if node.aggregation == "average_of_averages":
        parts = [
            aggregate(m, of_task, combine) if isinstance(m, SuiteNode) else of_task(m)
            for m in node.members
        ]
        names: Sequence[str | None] = [None] * len(parts)
    else:
        names = node.leaves()
        parts = [of_task(str(name)) for name in names]
    if not parts or any(part is None for part in parts):
        return None
    return combine(parts, names if node.aggregation == "weighted_average" else None)


def suite_score(
    node: SuiteNode,
    primaries: Mapping[str, Score],
    bounds_of: Mapping[str, Bounds] | None = None,
) -> Score | None:
    """The suite's row: the average of its members' primary scores.

    A suite of which one member has no score has none itself; it never averages what is left.
    ``bounds_of`` says between which bounds a member's score lies: the average lies between the
    outermost of them, and so does its interval.
    """
    leaves = [primaries.get(name) for name in node.leaves()]
    known = [score for score in leaves if score is not None]
    if node.aggregation in ("none", "display_only") or not known:
        return None

    def combine(parts: Sequence[Estimate], names: Sequence[str] | None) -> Estimate:
        weights = [primaries[n].n_expected for n in names] if names else None
        return macro_estimate(parts, weights)

    def of_task(name: str) -> Estimate | None:
        score = primaries.get(name)
        return None if score is None else score_estimate(score)

    directions = {score.higher_is_better for score in known}
    result = aggregate(node, of_task, combine) if len(directions) == 1 else None
    if result is not None:
        result = within(result, _outermost([(bounds_of or {}).get(s.name) for s in known]))
    bounds = _suite_bounds(node, primaries) if result is not None else (None, None)
    return _row(node, known, result, bounds)


def _outermost(bounds: Sequence[Bounds | None]) -> Bounds:
    """The lowest and the highest of several bounds; None where one of them is not known."""
    lows = [None if pair is None else pair[0] for pair in bounds]
    highs = [None if pair is None else pair[1] for pair in bounds]
    return (
        min((x for x in lows if x is not None), default=None) if None not in lows else None,
        max((x for x in highs if x is not None), default=None) if None not in highs else None,
    )


def _suite_bounds(
    node: SuiteNode, primaries: Mapping[str, Score]
) -> tuple[float | None, float | None]:
    """The average of the members' worst and best cases."""
    ends = []
    for end in ("worst_case", "best_case"):

        def of_task(name: str, end: str = end) -> Estimate | None:
            score = primaries.get(name)
            value = None if score is None else getattr(score, end)
            part = None if score is None else score_estimate(score)
            return None if value is None or part is None else evolve(part, value=value)

        def combine(parts: Sequence[Estimate], names: Sequence[str] | None) -> Estimate:
            weights = [primaries[n].n_expected for n in names] if names else None
            return macro_estimate(parts, weights)

        result = aggregate(node, of_task, combine)
        ends.append(None if result is None else result.value)
    return ends[0], ends[1]


def _row(
    node: SuiteNode,
    known: Sequence[Score],
    result: Estimate | None,
    bounds: tuple[float | None, float | None],
) -> Score:
    names = {score.metric for score in known}
    return Score.of(
        result,
        name=node.name,
        kind="suite",
        task=node.name,
        variants=(),
        metric=names.pop() if len(names) == 1 else "mixed",
        scorer=node.aggregation,
        primary=True,
        higher_is_better=known[0].higher_is_better,
        n_expected=sum(score.n_expected for score in known),
        n_scored=sum(score.n_scored for score in known),
        n_clusters=sum(score.n_clusters for score in known),
        worst_case=bounds[0],
        best_case=bounds[1],
    )
