"""Social IQa: what people feel, want or do in a social situation, three choices.

- Data: ``allenai/social_i_qa``, validation split, 1,954 questions; the hub's own copy is a script,
  so its converted revision is read. Rows have no identifier.
- Prompt: ``Question: <situation> <question>\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES set.
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
from olmo_eval_tasks.choices import BITS, Asked, cloze, declare, fixed


@register("socialiqa")
class SocialIQa(MultipleChoiceTask):
    """Three reactions of people, of which one is likely."""

    data_source = DataSource(
        path="allenai/social_i_qa", split="validation", revision="refs/convert/parquet"
    )
    expected_instances = 1_954
    fewshot_split = "train"
    formatter = cloze()
    metrics = logprob_accuracies("per_char")
    card = Card(
        citation="Sap et al. 2019, Social IQa: Commonsense Reasoning about Social Interactions",
        url="https://arxiv.org/abs/1904.09728",
        licence="CC-BY-4.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices = (doc["answerA"], doc["answerB"], doc["answerC"])
        question = f"{doc['context']} {doc['question']}"
        return self.choice_instance(question, choices, int(doc["label"]) - 1)


declare(
    "socialiqa",
    {
        "rc": Asked(),
        "mc": Asked("letters"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(shots=True),
        "olmes": Asked(shots=True),
        "mc_olmo3base": Asked("letters", shots=True, limit=10_000),
        "xlarge": Asked(shots=True, limit=10_000),
        "full": Asked(),
    },
    shots=fixed("olmes_socialiqa_fixed"),
)
