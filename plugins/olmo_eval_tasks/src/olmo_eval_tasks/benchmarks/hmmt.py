r"""HMMT: the Harvard-MIT Mathematics Tournament, as MathArena collects it.

- Data: ``MathArena/hmmt_feb_2025``, ``hmmt_nov_2025`` and ``hmmt_feb_2026``, split train.
- Prompt: a chat; the problem, then the request to box the answer.
- Shots: none.
- Extraction: the last ``\boxed{}`` or "final answer is".
- Metric: accuracy, and pass@k of 32 samples in the variants, by ``math_verify`` and by
  ``minerva_math_flex``. Answers are numbers, expressions, and lists of them.
- Nothing of this family could be compared with the data, only its fields with their description.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.competitions import Competition, register_sampled
from olmo_eval_tasks.subjects import HMMT_TOURNAMENTS


class Hmmt(Competition):
    """One tournament."""

    card = Card(
        citation="Balunović et al. 2025, MathArena: Evaluating LLMs on Uncontaminated Math "
        "Competitions",
        url="https://arxiv.org/abs/2505.23281",
        licence="CC-BY-NC-SA-4.0",
        defects=("thirty problems tell little: one more right answer is 3 points",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return self.problem(doc["problem"], doc["answer"], id=str(doc["problem_idx"]))


for _tournament in HMMT_TOURNAMENTS:
    _attributes = {
        "__module__": __name__,
        "__doc__": f"The tournament of {_tournament.replace('_', ' ')}.",
        "data_source": DataSource(path=f"MathArena/hmmt_{_tournament}", split="train"),
    }
    _class = type(f"Hmmt{_tournament.title().replace('_', '')}", (Hmmt,), _attributes)
    register(f"hmmt_{_tournament}")(_class)
    register_sampled(f"hmmt_{_tournament}")
