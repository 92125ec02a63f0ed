"""AGIEval: questions of exams for people (LSAT, SAT, Gaokao and others), with choices, in English.

- Data: ``hails/agieval``, test split: nine exams, each the rows whose ``task`` is its name.
  Questions of one passage are a cluster. A letter in brackets before each option is taken off.
- Prompt: the passage, ``Q: ...``, ``Answer Choices: (A)... (B)...`` on one line, and
  ``A: Among A through E, the answer is``, as AGIEval asks without examples. ``rc``, ``mc`` and
  ``bpb`` ask as OLMES does.
- Shots: none.
- Metric: log-likelihood accuracy of the letters, raw; per character in ``rc``.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from olmo_eval.common.formatters import LetteredFormatter
from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, MultipleChoiceTask
from olmo_eval_tasks.choices import BITS, Asked, clustered, declare, one_of
from olmo_eval_tasks.subjects import AGIEVAL_EXAMS

SIZES = {
    "aqua_rat": 254,
    "gaokao_english": 306,
    "logiqa_en": 651,
    "lsat_ar": 230,
    "lsat_lr": 510,
    "lsat_rc": 269,
    "sat_en": 206,
    "sat_en_without_passage": 206,
    "sat_math": 220,
}
_LETTER = re.compile(r"^\s*\([A-H]\)\s*")


class AgiEval(MultipleChoiceTask):
    """An exam for people, with choices."""

    exam: ClassVar[str] = ""
    data_source = DataSource(path="hails/agieval", split="test")
    formatter = LetteredFormatter(
        template="{passage}Q: {asked} Answer Choices: {options}\nA: Among A through {last}, the "
        "answer is",
        include_choices_in_prompt=False,
    )
    answer_in_context = True
    card = Card(
        citation="Zhong et al. 2023, AGIEval: A Human-Centric Benchmark for Evaluating Foundation "
        "Models",
        url="https://arxiv.org/abs/2304.06364",
        licence="MIT",
        defects=(
            "gaokao_english has 11 copied questions, the SAT sets one question with two keys.",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        if doc["task"] != self.exam:
            return None
        passage, options = doc["passage"] or "", doc["options"]
        asked = f"{passage}\n{doc['question']}" if passage else doc["question"]
        metadata = {
            "passage": passage,
            "asked": doc["question"],
            "options": " ".join(options),
            "last": LABELS[len(options) - 1],
            **clustered(passage),
        }
        choices = [_LETTER.sub("", option) for option in options]
        gold = LABELS.index(doc["label"])
        name = f"{self.exam}/{doc['index']}"
        return self.choice_instance(asked, choices, gold, id=name, metadata=metadata)


for _exam, _task in AGIEVAL_EXAMS.items():
    one_of(AgiEval, f"agieval_{_exam}", exam=_task, expected_instances=SIZES[_exam])
    declare(
        f"agieval_{_exam}",
        {
            "rc": Asked("text", by="per_char"),
            "mc": Asked("letters"),
            "bpb": Asked("gold", by=BITS),
        },
    )
