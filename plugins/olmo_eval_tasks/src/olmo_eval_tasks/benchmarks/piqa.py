"""PIQA: which of two ways reaches a physical goal.

- Data: ``ybisk/piqa``, validation split, 1,838 goals; the test split has no answers
  (https://huggingface.co/datasets/ybisk/piqa, AFL-3.0).
- Prompt: ``Goal: ...\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES set.
- Metric: log-likelihood accuracy, per token; per character in ``olmo3base``.
- Bisk et al. 2020, "PIQA: Reasoning about Physical Commonsense in Natural Language"
  (https://arxiv.org/abs/1911.11641).
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    MultipleChoiceTask,
    logprob_accuracies,
    register,
    register_variant,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze, lettered

GOAL = "Goal: {question}"


@register("piqa")
class Piqa(MultipleChoiceTask):
    """Two solutions to a goal, of which one works. Rows have no identifier."""

    data_source = DataSource(path="ybisk/piqa", split="validation")
    expected_instances = 1_838
    fewshot_split = "train"
    formatter = cloze(GOAL)
    metrics = logprob_accuracies("per_token")

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        gold = int(doc["label"])
        instance = self.choice_instance(doc["goal"], (doc["sol1"], doc["sol2"]), gold)
        return evolve(instance, gold_answer=str(gold))


_FIXED = {"num_fewshot": 5, "fewshot_source": "olmes_piqa_fixed"}
_PER_CHARACTER = logprob_accuracies("per_char")

register_variant("piqa", "rc")
register_variant("piqa", "mc", formatter=lettered(GOAL))
register_variant("piqa", "bpb", metrics=BITS_PER_BYTE)
register_variant("piqa", "olmo3base", metrics=_PER_CHARACTER, **_FIXED)
register_variant("piqa", "olmes", limit=1_000, **_FIXED)
register_variant("piqa", "full")
# Published as it stands: every split, the train goals that the shots come from included.
register_variant(
    "piqa",
    "mc_olmo3base",
    formatter=lettered(GOAL),
    metrics=_PER_CHARACTER,
    split="all",
    limit=10_000,
    **_FIXED,
)
