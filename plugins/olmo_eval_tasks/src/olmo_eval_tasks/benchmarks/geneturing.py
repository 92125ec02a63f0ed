"""GeneTuring: questions about genes, variants and sequences, one task a module.

- Data: ``allenai/geneturing``, one subset a module, test split. An answer that is several names is
  a list, or separated by commas.
- Prompt: the question, in a chat. The system prompt, which asks for the answer alone, is ours.
- Shots: none.
- Extraction: the last line; what follows ``Answer:`` where it says so. Commas, semicolons and "and"
  separate names.
- Metric: Jaccard index of the names given and the right ones; of a single name, whether it is
  right.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import field, frozen

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import F1Metric
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task
from olmo_eval_tasks.choices import one_of
from olmo_eval_tasks.scorers.answers import JaccardScorer
from olmo_eval_tasks.subjects import GENETURING_MODULES

SYSTEM = "Answer with the name, number or sequence alone; separate several with commas."
_MARKED = re.compile(r"(?i)\banswers?\W*:\s*")


@frozen
class JaccardMetric(F1Metric):
    """Mean Jaccard index of the names given and the right ones."""

    name: str = field(default="jaccard", kw_only=True)


class GeneTuring(Task):
    """A question about genes, variants or sequences."""

    formatter = ChatFormatter(system_prompt=SYSTEM)
    metrics = (JaccardMetric(scorer=JaccardScorer),)
    card = Card(
        citation="Shang et al. 2025, Benchmarking large language models for genomic knowledge with "
        "GeneTuring",
        url="https://www.biorxiv.org/content/10.1101/2023.03.11.532238v2",
        licence="see https://huggingface.co/datasets/allenai/geneturing",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        answer = doc["answer"]
        gold = ", ".join(map(str, answer)) if isinstance(answer, list) else str(answer)
        metadata = {} if doc.get("id") is None else {"id": doc["id"]}
        return Instance(question=doc["question"], gold_answer=gold, metadata=metadata)

    def extract_answer(self, output: LMOutput) -> str | None:
        marked = _MARKED.split(output.text)
        lines = (marked[-1] if len(marked) > 1 else output.text).strip().splitlines()
        return lines[-1].strip() if lines else None


for _module in GENETURING_MODULES:
    _source = DataSource(path="allenai/geneturing", subset=_module, split="test")
    one_of(GeneTuring, f"geneturing_{_module}", data_source=_source)
