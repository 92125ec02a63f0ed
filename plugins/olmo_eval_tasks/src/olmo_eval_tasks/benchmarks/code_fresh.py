"""Fresh code: files of 42 languages written after the training data of today's models.

- Data: ``allenai/code_fresh_0825_1225``, one subset a language, train split (its only one): files
  written between August and December 2025.
- Prompt: none; the whole file is scored, in windows as long as the model's context.
- Metric: ``bpb``, also of the plain tasks, which are published without a metric: mean over files of
  bits per byte; ``ppl``: perplexity of all files together.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import RollingFormatter
from olmo_eval.common.metrics import CorpusPerplexityMetric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.tasks.common import Card, Task, register_subtasks
from olmo_eval_tasks.choices import BITS_PER_BYTE
from olmo_eval_tasks.subjects import CODE_FRESH_LANGUAGES


class CodeFresh(Task):
    """Files of one language, bits per byte."""

    formatter = RollingFormatter()
    sampling_params = SamplingParams(max_tokens=4096)
    metrics = BITS_PER_BYTE
    card = Card(
        citation="Allen Institute for AI 2025, Code Fresh",
        url="https://huggingface.co/datasets/allenai/code_fresh_0825_1225",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        given = {"id": doc["id"]} if doc.get("id") is not None else {}
        return Instance(question=doc["text"], metadata=given)


register_subtasks(
    CodeFresh,
    CODE_FRESH_LANGUAGES,
    task_prefix="code_fresh",
    data_source="allenai/code_fresh_0825_1225",
    split="train",
    variants={
        "bpb": {},
        "ppl": {"metrics": (CorpusPerplexityMetric(),)},
    },
)
