"""LAMBADA: the last word of a passage that only its wider context gives away.

- Data: ``EleutherAI/lambada_openai``, test split, 5,153 passages: the original test set with its
  spelling and punctuation restored, as GPT-2 was evaluated on it.
- Prompt: the passage without its last word; the word after one space is scored.
- Shots: none.
- Metric: whether greedy decoding gives the word; its bits per byte beside it, alone in ``bpb``.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import PPLFormatter
from olmo_eval.common.metrics import GreedyAccuracyMetric
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import BITS_PER_BYTE


@register("lambada")
class Lambada(Task):
    """The last word of a passage from a novel."""

    data_source = DataSource(path="EleutherAI/lambada_openai", split="test")
    expected_instances = 5_153
    formatter = PPLFormatter()
    metrics = (GreedyAccuracyMetric(), *BITS_PER_BYTE)
    answer_in_context = True
    card = Card(
        citation="Paperno et al. 2016, The LAMBADA dataset: Word prediction requiring a broad "
        "discourse context",
        url="https://arxiv.org/abs/1606.06031",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        passage, space, word = doc["text"].rpartition(" ")
        if not space:
            raise ValueError("the passage is a single word")
        return Instance(question=passage, gold_answer=word)


register_variant("lambada", "bpb", metrics=BITS_PER_BYTE)
register_variant("lambada", "olmo3base")
