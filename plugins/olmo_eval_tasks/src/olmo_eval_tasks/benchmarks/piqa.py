"""PIQA: which of two ways reaches a physical goal.

- Data: ``ybisk/piqa``, validation split, 1,838 goals; the test split has no answers. Rows have no
  identifier.
- Prompt: ``Goal: ...\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES set.
- Metric: log-likelihood accuracy, per token; per character in ``olmo3base``.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    logprob_accuracies,
    register,
)
from olmo_eval_tasks.choices import BITS, Asked, cloze, declare, fixed

GOAL = "Goal: {question}"


@register("piqa")
class Piqa(MultipleChoiceTask):
    """Two solutions to a goal, of which one works."""

    data_source = DataSource(path="ybisk/piqa", split="validation")
    expected_instances = 1_838
    fewshot_split = "train"
    formatter = cloze(GOAL)
    metrics = logprob_accuracies("per_token")
    card = Card(
        citation="Bisk et al. 2020, PIQA: Reasoning about Physical Commonsense in Natural Language",
        url="https://arxiv.org/abs/1911.11641",
        licence="AFL-3.0",
        defects=(
            "mc_olmo3base is published with every split, the train goals that the shots come from "
            "included.",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        gold = int(doc["label"])
        instance = self.choice_instance(doc["goal"], (doc["sol1"], doc["sol2"]), gold)
        return evolve(instance, gold_answer=str(gold))


declare(
    "piqa",
    {
        "rc": Asked(),
        "mc": Asked("letters"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(by="per_char", shots=True),
        "olmes": Asked(shots=True, limit=1_000),
        "mc_olmo3base": Asked("letters", by="per_char", shots=True, limit=10_000, split="all"),
        "full": Asked(),
    },
    question=GOAL,
    shots=fixed("olmes_piqa_fixed"),
)
