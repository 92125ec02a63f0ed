"""``gold_recall`` and recall@k: which of the wanted papers an answer names, and how early."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators

from olmo_eval.common.metrics import Metric
from olmo_eval.common.metrics.base import as_scorer, scores_of
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput, Response


def wanted(instance: Instance) -> frozenset[str]:
    """The ids of the right papers.

    Raises:
        ValueError: there are none.
    """
    found = frozenset(map(str, instance.metadata.get("all_answers") or ()))
    if not found:
        raise ValueError("the instance names no right paper")
    return found


def named(output: LMOutput) -> list[str]:
    """The ids that the answer names, in order, each once."""
    answer: Any = output.extracted_answer
    return list(dict.fromkeys(map(str, answer))) if isinstance(answer, list | tuple) else []


@frozen
class GoldRecallScorer(Scorer):
    """Share of the right papers that the answer names, among its first ``k`` if that is given."""

    name: str = "gold_recall"
    reads = "text"
    k: int | None = field(default=None, validator=validators.optional(validators.ge(1)))

    def score(self, instance: Instance, output: LMOutput) -> float:
        gold = wanted(instance)
        return len(gold & set(named(output)[: self.k])) / len(gold)


@frozen
class _RecallMetric(Metric):
    scorer: Scorer = field(factory=GoldRecallScorer, converter=as_scorer)


@frozen
class GoldRecall(_RecallMetric):
    """Mean share of the right papers that is found."""

    name: str = field(default="gold_recall", kw_only=True)

    def value(self, response: Response) -> float | None:
        scores = scores_of(response, self.scorer)
        return sum(scores) / len(scores)


@frozen
class FoundRate(_RecallMetric):
    """Share of questions for which any right paper is found."""

    name: str = field(default="found_rate", kw_only=True)

    def value(self, response: Response) -> float | None:
        scores = scores_of(response, self.scorer)
        return sum(score > 0 for score in scores) / len(scores)


@frozen
class RecallAtK(_RecallMetric):
    """Mean share of the right papers among the first ``k`` of a ranking."""

    name: str = field(default="recall@", kw_only=True)
    k: int = field(default=5, kw_only=True, validator=validators.ge(1))

    @property
    def metric_name(self) -> str:
        return f"{self.name}{self.k}"

    def value(self, response: Response) -> float | None:
        scorer = GoldRecallScorer(k=self.k)
        found = [scorer.score(response.instance, output) for output in response.outputs]
        return sum(found) / len(found)
