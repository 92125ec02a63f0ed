"""CommonsenseQA: everyday questions with five choices each.

- Data: ``tau/commonsense_qa``, validation split, 1,221 questions; the test split has no answers.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES set.
- Metric: log-likelihood accuracy, relative to the choice's probability without its question where
  OLMES settings are used.
"""

from __future__ import annotations

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.choices import BITS, Asked, LabelledChoices, cloze, declare, fixed


@register("csqa")
class CommonsenseQA(LabelledChoices):
    """Five answers to a question, of which people chose one."""

    data_source = DataSource(path="tau/commonsense_qa", split="validation")
    expected_instances = 1_221
    fewshot_split = "train"
    formatter = cloze()
    card = Card(
        citation="Talmor et al. 2019, CommonsenseQA: A Question Answering Challenge Targeting "
        "Commonsense Knowledge",
        url="https://arxiv.org/abs/1811.00937",
        licence="MIT",
    )


declare(
    "csqa",
    {
        "rc": Asked(by="uncond"),
        "mc": Asked("letters", by="raw"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(by="uncond", shots=True),
        "olmes": Asked(by="uncond", shots=True),
        "mc_olmo3base": Asked("letters", shots=True, limit=10_000),
        "xlarge": Asked(shots=True, limit=10_000),
        "full": Asked(),
    },
    shots=fixed("olmes_csqa_fixed"),
)
