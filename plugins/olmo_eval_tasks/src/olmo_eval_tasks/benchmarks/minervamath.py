r"""MinervaMath: problems of undergraduate science and mathematics courses at MIT.

- Data: ``math-ai/minervamath``, test split, 272 problems of OpenCourseWare, from astronomy to
  differential equations.
- Prompt: a chat; the problem, then the request to box the answer.
- Shots: none.
- Extraction: the last ``\boxed{}`` or "final answer is". Gold is the solution's last box.
- Metric: accuracy by ``math_verify`` and by ``minerva_math_flex``.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.boxed import last_boxed
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.competitions import Competition


@register("minervamath")
class MinervaMathCourses(Competition):
    """Problems of undergraduate courses."""

    data_source = DataSource(path="math-ai/minervamath", split="test")
    expected_instances = 272
    card = Card(
        citation="Lewkowycz et al. 2022, Solving Quantitative Reasoning Problems with Language "
        "Models",
        url="https://arxiv.org/abs/2206.14858",
        licence="CC-BY-NC-SA-4.0",
        defects=(
            "many gold answers are rounded to two or three digits without saying so; an answer "
            "with more digits counts as wrong",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        boxed = doc["answer"] if "answer" in doc else last_boxed(doc["solution"])
        gold = str(boxed).replace("$", "")  # one box holds two formulas
        known = {"id": str(doc["idx"]), "course": doc["type"]} if "idx" in doc else {}
        return self.problem(doc["problem"] if "problem" in doc else doc["question"], gold, **known)
