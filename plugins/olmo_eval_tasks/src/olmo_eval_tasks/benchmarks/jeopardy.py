"""Jeopardy: clues of the quiz show, a category and a short answer each.

- Data: ``soldni/jeopardy``, subset mosaicml_gauntlet (all_questions in ``olmo3base``), train
  split, the only one; with choices ``allenai/jeopardy_mc``, test split. A clue begins with its
  category and a colon.
- Prompt: ``Category: ...``, ``Question: ...``, ``Answer:``, a line each.
- Shots: the first five of the fixed sets ``jeopardy_fixed`` and ``jeopardy_mc_fixed``.
- Extraction: the whole text.
- Metric: SQuAD's F1. Log-likelihood accuracy, raw for letters, per character for texts; bits per
  byte.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import SQuADF1Metric
from olmo_eval.common.scorers import SQuADF1Scorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import WHOLE, LabelledChoices
from olmo_eval_tasks.reading import several_ways

CARD = Card(
    citation="MosaicML 2023, LLM Evaluation Gauntlet",
    url="https://huggingface.co/datasets/soldni/jeopardy",
    licence="not stated; the clues are the show's",
)


def asked(context: str) -> str:
    """``HISTORY: Under the ...`` with its category on a line of its own."""
    category, _, clue = context.partition(": ")
    return f"Category: {category}\nQuestion: {clue}" if clue else f"Question: {context}"


@register("jeopardy")
class Jeopardy(Task):
    """A clue of a quiz show."""

    data_source = DataSource(path="soldni/jeopardy", subset="mosaicml_gauntlet", split="train")
    formatter = GenerationFormatter(template=f"{WHOLE}\nAnswer:")
    num_fewshot = 5
    fewshot_source = "jeopardy_fixed"
    sampling_params = SamplingParams(
        max_tokens=50, stop_sequences=("\n\n", "Question:", "Category:")
    )
    metrics = (SQuADF1Metric(scorer=SQuADF1Scorer),)
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(question=asked(doc["context"]), gold_answer=doc["continuation"])


class JeopardyChoices(LabelledChoices):
    """A clue of a quiz show, with choices."""

    data_source = DataSource(path="allenai/jeopardy_mc", split="test")
    num_fewshot = 5
    fewshot_source = "jeopardy_mc_fixed"
    card = CARD

    def question_of(self, doc: dict[str, Any]) -> str:
        return asked(doc["context_original"])


register_variant("jeopardy", "gen")
register_variant(
    "jeopardy",
    "olmo3base",
    data_source=DataSource(path="soldni/jeopardy", subset="all_questions", split="train"),
    limit=10_000,
)
several_ways(JeopardyChoices, "jeopardy")
