"""ARC: grade-school science questions with mostly four choices.

- Data: ``allenai/ai2_arc``, subsets ARC-Easy and ARC-Challenge, test split
  (https://huggingface.co/datasets/allenai/ai2_arc, CC BY-SA 4.0). Most rows letter their choices
  A-D, some number them 1-4; both are treated as letters.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES sets (``olmes``, ``olmo3base``).
- Metric: log-likelihood accuracy. ARC-Easy per character, ARC-Challenge relative to the choice's
  probability without its question, as OLMES recommends for each.
- Clark et al. 2018, "Think you have Solved Question Answering? Try ARC, the AI2 Reasoning
  Challenge" (https://arxiv.org/abs/1803.05457); settings: Gu et al. 2024, "OLMES"
  (https://arxiv.org/abs/2406.08446).
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    MultipleChoiceTask,
    logprob_accuracies,
    register,
    register_variant,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze, gold_text, lettered

PATH = "allenai/ai2_arc"


class Arc(MultipleChoiceTask):
    """What both sets share."""

    formatter = cloze()
    fewshot_split = "train"

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices = doc["choices"]
        gold = list(choices["label"]).index(doc["answerKey"])
        return self.choice_instance(doc["question"], choices["text"], gold, id=doc.get("id"))


@register("arc_easy")
class ArcEasy(Arc):
    """ARC-Easy: 2,376 test questions."""

    data_source = DataSource(path=PATH, subset="ARC-Easy", split="test")
    expected_instances = 2_376


@register("arc_challenge")
class ArcChallenge(Arc):
    """ARC-Challenge: 1,172 test questions that retrieval and word co-occurrence got wrong."""

    data_source = DataSource(path=PATH, subset="ARC-Challenge", split="test")
    expected_instances = 1_172


for _task, _normalization in (("arc_easy", "per_char"), ("arc_challenge", "uncond")):
    _fixed = {"num_fewshot": 5, "fewshot_source": f"olmes_{_task}_fixed"}
    _metrics = logprob_accuracies(_normalization)
    register_variant(_task, "rc", metrics=_metrics)
    register_variant(_task, "mc", formatter=lettered(), metrics=logprob_accuracies("raw"))
    register_variant(_task, "bpb", formatter=gold_text(), metrics=BITS_PER_BYTE)
    register_variant(_task, "olmo3base", metrics=_metrics, **_fixed)
    register_variant(_task, "olmes", **_fixed)
    register_variant(_task, "full")

# Published as it stands: every split, the train questions that the shots come from included.
register_variant(
    "arc_challenge",
    "mc_olmo3base",
    formatter=lettered(),
    split="all",
    num_fewshot=5,
    fewshot_source="olmes_arc_challenge_fixed",
)
