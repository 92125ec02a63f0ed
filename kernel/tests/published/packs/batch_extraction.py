"""A task that extracts answers of a response as a whole, and changes them in place."""

from dataclasses import replace

from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import MultipleChoiceScorer
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task, register


class _Quiz(Task):
    metrics = (AccuracyMetric(scorer=MultipleChoiceScorer),)

    @property
    def instances(self):
        for gold in range(4):
            yield Instance(
                question=f"Which, {gold}?",
                gold_answer="ABCD"[gold],
                choices=("w", "x", "y", "z"),
                metadata={"id": f"q{gold}", "gold_idx": gold},
            )


@register("batch_in_place")
class InPlace(_Quiz):
    def _extract_answers(self, responses):
        for response in responses:
            for output in response.outputs:
                output.extracted_answer = "ABBB"[response.instance.metadata["gold_idx"]]


@register("batch_replaced")
class Replaced(_Quiz):
    def _extract_answers(self, outputs):
        return [replace(output, extracted_answer="B") for output in outputs]
