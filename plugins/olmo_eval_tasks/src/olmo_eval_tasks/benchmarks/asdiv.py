r"""ASDiv: elementary-school problems of many kinds and wordings.

- Data: ``EleutherAI/asdiv``, subset asdiv, validation split, 2,305 problems, of which those whose
  answer is one number are asked: ``9 (apples)`` is, ``3:2`` and ``5; 7`` are not.
- Prompt: the story and its question as one ``Question:``; shots, extraction, metric as for
  ``gsm8k``.
- Nothing of this family could be compared with the data, only its fields with their description.
"""

from __future__ import annotations

import re
from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.word_problems import ROBUST, WordProblems

_ONE_NUMBER = re.compile(r"\s*(-?[\d,]+(?:\.\d+|/\d+)?)\s*(?:\([^;]*\))?\s*")


@register("asdiv")
class Asdiv(WordProblems):
    """Elementary-school problems."""

    data_source = DataSource(path="EleutherAI/asdiv", subset="asdiv", split="validation")
    card = Card(
        citation="Miao, Liang, Su 2020, A Diverse Corpus for Evaluating and Developing English "
        "Math Word Problem Solvers",
        url="https://aclanthology.org/2020.acl-main.92",
        licence="CC-BY-NC-4.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        number = _ONE_NUMBER.fullmatch(doc["answer"])
        if number is None:
            return None
        question = f"{doc['body'].strip()} {doc['question'].strip()}"
        return self.problem(question, number.group(1), kind=doc["solution_type"])


register_variant("asdiv", "robust", **ROBUST)
