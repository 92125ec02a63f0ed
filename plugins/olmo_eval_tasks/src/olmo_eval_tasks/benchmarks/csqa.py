"""CommonsenseQA: everyday questions with five choices each.

- Data: ``tau/commonsense_qa``, validation split, 1,221 questions; the test split has no answers
  (https://huggingface.co/datasets/tau/commonsense_qa, MIT).
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES set.
- Metric: log-likelihood accuracy, relative to the choice's probability without its question where
  OLMES settings are used.
- Talmor et al. 2019, "CommonsenseQA: A Question Answering Challenge Targeting Commonsense
  Knowledge" (https://arxiv.org/abs/1811.00937).
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
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze, lettered


@register("csqa")
class CommonsenseQA(MultipleChoiceTask):
    """Five answers to a question, of which people chose one."""

    data_source = DataSource(path="tau/commonsense_qa", split="validation")
    expected_instances = 1_221
    fewshot_split = "train"
    formatter = cloze()

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices = doc["choices"]
        gold = list(choices["label"]).index(doc["answerKey"])
        return self.choice_instance(doc["question"], choices["text"], gold, id=doc.get("id"))


_FIXED = {"num_fewshot": 5, "fewshot_source": "olmes_csqa_fixed"}
_UNCONDITIONAL = logprob_accuracies("uncond")

register_variant("csqa", "rc", metrics=_UNCONDITIONAL)
register_variant("csqa", "mc", formatter=lettered(), metrics=logprob_accuracies("raw"))
register_variant("csqa", "bpb", metrics=BITS_PER_BYTE)
register_variant("csqa", "olmo3base", metrics=_UNCONDITIONAL, **_FIXED)
register_variant("csqa", "olmes", metrics=_UNCONDITIONAL, **_FIXED)
register_variant("csqa", "mc_olmo3base", formatter=lettered(), limit=10_000, **_FIXED)
register_variant("csqa", "xlarge", limit=10_000, **_FIXED)
register_variant("csqa", "full")
