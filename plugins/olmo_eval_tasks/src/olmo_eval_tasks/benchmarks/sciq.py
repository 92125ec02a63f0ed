"""SciQ: science exam questions that people wrote for a paragraph, four choices each.

- Data: ``allenai/sciq``, validation split, 1,000 questions; there is a test split too.
  The paragraph (``support``) is not shown. The data lists the right answer apart from the three
  wrong ones; they are shuffled, seeded by the question.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or five drawn from train.
- Metric: log-likelihood accuracy, raw; per character in ``olmo3base``. The separate task
  ``sciq:bpb`` gives the right answer's bits per byte.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, MultipleChoiceTask, register
from olmo_eval_tasks.choices import (
    BITS_PER_BYTE,
    Asked,
    cloze,
    declare,
    drawn,
    row_id,
    shuffled_choices,
)


@register("sciq")
class SciQ(MultipleChoiceTask):
    """Four answers to a science question."""

    data_source = DataSource(path="allenai/sciq", split="validation")
    expected_instances = 1_000
    fewshot_split = "train"
    formatter = cloze()
    card = Card(
        citation="Welbl et al. 2017, Crowdsourcing Multiple Choice Science Questions",
        url="https://arxiv.org/abs/1707.06209",
        licence="CC-BY-NC-3.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        wrong = [doc[f"distractor{n}"] for n in (1, 2, 3)]
        seed = row_id(doc["question"], doc["correct_answer"], wrong)
        choices, gold = shuffled_choices(doc["correct_answer"], wrong, seeded_by=seed)
        return self.choice_instance(doc["question"], choices, gold, id=seed)


@register("sciq:bpb")
class SciQBits(SciQ):
    """The right answer to a science question, in bits per byte."""

    metrics = BITS_PER_BYTE


declare(
    "sciq",
    {
        "rc": Asked(),
        "mc": Asked("letters"),
        "olmo3base": Asked(by="per_char", shots=True),
    },
    shots=drawn(),
)
declare("sciq:bpb", {"olmo3base": Asked(shots=True)}, shots=drawn())
