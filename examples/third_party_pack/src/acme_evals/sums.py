"""Sums of two small numbers, with four choices.

- Data: made here, 36 questions.
- Prompt: ``3 + 4 =``; ``mc`` letters the choices and asks for the letter.
- Metric: log-likelihood accuracy, per character of the choice; ``bpb`` gives the right choice's
  bits per byte.
"""

from collections.abc import Iterator

from olmo_eval.common.formatters import ClozeFormatter, LetteredFormatter, PPLFormatter
from olmo_eval.common.metrics import BPBMetricInstanceAvg
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    logprob_accuracies,
    register,
    register_variant,
)


@register("acme_sums")
class Sums(MultipleChoiceTask):
    """Which number is the sum? The log-likelihood of four choices decides."""

    card = Card(citation="Made by this package", licence="CC0-1.0")
    expected_instances = 36
    formatter = ClozeFormatter(template="{question} =")
    metrics = logprob_accuracies("per_char")

    @property
    def instances(self) -> Iterator[Instance]:
        for a in range(2, 8):
            for b in range(2, 8):
                wrong = [a + b + 1, a + b - 1, a + b + 10]
                gold = (a + 3 * b) % 4
                choices = [*wrong[:gold], a + b, *wrong[gold:]]
                yield self.choice_instance(f"{a} + {b}", choices, gold, id=f"{a}+{b}")


register_variant(
    "acme_sums",
    "mc",
    formatter=LetteredFormatter(),
    metrics=logprob_accuracies("raw"),
)
register_variant(
    "acme_sums",
    "bpb",
    formatter=PPLFormatter(template="{question} ="),
    metrics=(BPBMetricInstanceAvg(),),
)
