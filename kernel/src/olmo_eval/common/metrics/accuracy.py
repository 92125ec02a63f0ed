"""Means of a scorer's numbers."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators

from olmo_eval.common.metrics.base import Metric, as_scorer, scores_of
from olmo_eval.common.scorers import F1Scorer, Scorer, SQuADF1Scorer, SubstringRecallScorer
from olmo_eval.common.scorers.tools import ToolCallScorer
from olmo_eval.common.types import Response

#: how several samples of one instance become one number
AGGREGATIONS = ("mean", "first", "any")


def aggregate_samples(scores: tuple[float, ...], how: str) -> float:
    """``mean`` of the samples, the ``first``, or 1 sample out of ``any`` (their maximum)."""
    if how == "first":
        return scores[0]
    if how == "any":
        return max(scores)
    return sum(scores) / len(scores)


@frozen
class AccuracyMetric(Metric):
    """Mean of a scorer over instances.

    With several samples an instance, ``over_samples`` says what counts: their ``mean`` (the
    expected accuracy of one sample), the ``first``, or ``any`` (the best, an upper bound). None
    takes the task's ``output_score_aggregation``.
    """

    name: str = field(default="accuracy", kw_only=True)
    over_samples: str | None = field(
        default=None,
        validator=validators.optional(validators.in_(AGGREGATIONS)),
        kw_only=True,
    )

    @property
    def bounds(self) -> tuple[float | None, float | None]:  # type: ignore[override]
        """Those of its scorer: a mean lies between them too."""
        return self.scorer.bounds

    @property
    def metric_name(self) -> str:
        return "any_of_n" if self.over_samples == "any" else self.name

    def value(self, response: Response) -> float | None:
        return aggregate_samples(scores_of(response, self.scorer), self.over_samples or "mean")


@frozen
class F1Metric(AccuracyMetric):
    """Mean of an F1 scorer."""

    scorer: Scorer = field(factory=F1Scorer, converter=as_scorer)
    name: str = field(default="f1", kw_only=True)

    @property
    def metric_name(self) -> str:
        return self.name


@frozen
class SQuADF1Metric(F1Metric):
    """Mean of SQuAD's F1."""

    scorer: Scorer = field(factory=SQuADF1Scorer, converter=as_scorer)
    name: str = field(default="squad_f1", kw_only=True)
    aliases = ("f1",)


@frozen
class RecallMetric(F1Metric):
    """Mean of a recall scorer."""

    scorer: Scorer = field(factory=SubstringRecallScorer, converter=as_scorer)
    name: str = field(default="recall", kw_only=True)


@frozen
class SubsetAccuracyMetric(AccuracyMetric):
    """Mean over the instances whose metadata has a value under a key.

    ``name`` says which, as ``key::value``; other instances have no value. ``any::any`` is all of
    them.
    """

    name: str = field(default="any::any", kw_only=True)

    @name.validator
    def _has_key_and_value(self, _attribute: Any, name: str) -> None:
        if "::" not in name:
            raise ValueError(f"the name of a subset is key::value, not {name!r}")

    @property
    def metric_name(self) -> str:
        return self.name.replace("::", "=")

    def value(self, response: Response) -> float | None:
        key, _, wanted = self.name.partition("::")
        found = response.instance.metadata.get(key)
        values = found if isinstance(found, list | tuple | set) else (found,)
        if (key, wanted) != ("any", "any") and wanted not in map(str, values):
            return None
        return super().value(response)


@frozen
class ToolAccuracyMetric(AccuracyMetric):
    """Mean of how well tools were called."""

    name: str = field(default="tool_accuracy", kw_only=True)
    scorer: Scorer = field(factory=ToolCallScorer, converter=as_scorer)
