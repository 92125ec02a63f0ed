r"""SVAMP: one-step problems of arithmetic, varied so that key words alone mislead.

- Data: ``ChilleD/SVAMP``, test split: 300 problems on the hub, whose train split has the other
  700; a mirror may hold all 1,000 as the test split.
- Prompt: the story and its question as one ``Question:``; shots, extraction, metric as for
  ``gsm8k``.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.word_problems import ROBUST, WordProblems


@register("svamp")
class Svamp(WordProblems):
    """Varied one-step problems."""

    data_source = DataSource(path="ChilleD/SVAMP", split="test")
    card = Card(
        citation="Patel, Bhattamishra, Goyal 2021, Are NLP Models really able to Solve Simple "
        "Math Word Problems?",
        url="https://arxiv.org/abs/2103.07191",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        story = doc["Body"].strip()
        stop = "" if story.endswith((".", "?", "!", ",")) else "."
        return self.problem(f"{story}{stop} {doc['Question'].strip()}", doc["Answer"], id=doc["ID"])


register_variant("svamp", "robust", **ROBUST)
