"""How answers to riddles are judged."""

from attrs import frozen
from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput, Response


@frozen
class MentionScorer(Scorer):
    """1 where the right answer stands anywhere in what the model wrote."""

    name = "mention"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float(instance.gold_text.casefold() in output.text.casefold())


@frozen
class EverySampleMetric(Metric):
    """1 where every sample of an instance has full marks: what can be relied on."""

    name = "every_sample"
    reads = "text"
    binary = True

    def value(self, response: Response) -> float | None:
        return float(all(score == 1.0 for score in response.scores[self.scorer.name]))
