"""MedMCQA: entrance-exam questions of Indian medical schools, four choices.

- Data: ``openlifescienceai/medmcqa``, validation split, 4,183 questions; the test split has no
  answers.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or five drawn from train (``olmo3base``).
- Metric: log-likelihood accuracy, per character.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    logprob_accuracies,
    register,
)
from olmo_eval_tasks.choices import BITS, Asked, cloze, declare, drawn


@register("medmcqa")
class MedMcqa(MultipleChoiceTask):
    """Four answers to a question of one of 21 medical subjects."""

    data_source = DataSource(path="openlifescienceai/medmcqa", split="validation")
    expected_instances = 4_183
    fewshot_split = "train"
    formatter = cloze()
    metrics = logprob_accuracies("per_char")
    card = Card(
        citation="Pal et al. 2022, MedMCQA: A Large-scale Multi-Subject Multi-Choice Dataset for "
        "Medical domain Question Answering",
        url="https://arxiv.org/abs/2203.14371",
        licence="Apache-2.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices = [doc[f"op{letter}"] for letter in "abcd"]
        subject = {"subject": doc["subject_name"]} if doc.get("subject_name") else {}
        return self.choice_instance(
            doc["question"], choices, int(doc["cop"]), id=doc.get("id"), metadata=subject
        )


declare(
    "medmcqa",
    {
        "rc": Asked(),
        "mc": Asked("letters"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(shots=True),
    },
    shots=drawn(),
)
