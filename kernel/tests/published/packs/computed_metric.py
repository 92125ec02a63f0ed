"""Metrics that compute their score from all responses."""

from dataclasses import dataclass

from olmo_eval.common.formatters import CompletionFormatter
from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance, Response
from olmo_eval.evals.tasks.common import Task, register


@dataclass(frozen=True, slots=True)
class ShareMetric(Metric):
    """A mean by another name."""

    name: str = "share"
    scorer: type[Scorer] = ExactMatchScorer

    def compute(self, responses: list[Response]) -> float:
        if not responses:
            return 0.0
        return sum(r.scores.get("exact_match", 0.0) for r in responses) / len(responses)


@dataclass(frozen=True, slots=True)
class SpreadMetric(Metric):
    """No mean at all."""

    name: str = "spread"

    def compute(self, responses: list[Response]) -> float:
        scores = [r.scores[self.scorer.name] for r in responses]
        return max(scores) - min(scores)


@register("computed_metric")
class Numbers(Task):
    formatter = CompletionFormatter()
    metrics = (ShareMetric(), SpreadMetric(scorer=ExactMatchScorer), AccuracyMetric())

    @property
    def instances(self):
        for number in (42, 7, 42, 8):
            yield Instance(question=f"n{number}", gold_answer=str(number))

    def extract_answer(self, output):
        return output.text.removesuffix(".").split()[-1]
