"""A scorer that is a dataclass, with a setting."""

from dataclasses import dataclass

from olmo_eval.common.formatters import CompletionFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.evals.tasks.common import Task, register


@dataclass(frozen=True, slots=True)
class EndsWithScorer(Scorer):
    name: str = "ends_with"
    case_sensitive: bool = False

    def score(self, instance: Instance, output: LMOutput) -> float:
        text, gold = output.text.rstrip("."), str(instance.gold_answer)
        return float(text.endswith(gold))


@dataclass
class LenientScorer(ExactMatchScorer):
    """Not frozen, of a scorer of the kernel, whose settings it takes."""

    name: str = "lenient"
    ignored: str = "."

    def score(self, instance, output):
        return super().score(instance, LMOutput(output.text, extracted_answer="42"))


class PlainScorer(Scorer):
    name = "plain"

    def __init__(self, word: str = "answer"):
        self.word = word

    def score(self, instance, output):
        return 1.0 if self.word in output.text else 0.0


@register("dataclass_scorer")
class Endings(Task):
    formatter = CompletionFormatter(template="{question}")
    sampling_params = SamplingParams(max_tokens=20)
    metrics = (
        AccuracyMetric(scorer=EndsWithScorer),
        AccuracyMetric(scorer=LenientScorer(case_sensitive=True)),
        AccuracyMetric(scorer=PlainScorer()),
    )

    @property
    def instances(self):
        for number in (42, 7, 42, 8):
            yield Instance(question=f"What is {number}?", gold_answer=str(number))
