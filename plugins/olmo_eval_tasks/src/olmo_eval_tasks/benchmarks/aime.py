r"""AIME: the American Invitational Mathematics Examination, thirty problems a year.

- Data: ``allenai/aime-2022-2025``, split train, the rows of one year; for 2026
  ``MathArena/aime_2026``, split train.
- Prompt: a chat; the problem, then the request to box the answer.
- Shots: none.
- Extraction: the last ``\boxed{}`` or "final answer is".
- Metric: accuracy, and pass@k of 32 samples in the variants, by ``math_verify`` and by
  ``minerva_math_flex``. Answers are whole numbers from 0 to 999.
- Nothing of this family could be compared with the data, only its fields with their description.
"""

from __future__ import annotations

from typing import Any, ClassVar

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.competitions import Competition, register_sampled
from olmo_eval_tasks.subjects import AIME_YEARS


class Aime(Competition):
    """Both examinations of one year."""

    expected_instances = 30
    year: ClassVar[int]
    card = Card(
        citation="Mathematical Association of America, American Invitational Mathematics "
        "Examination",
        url="https://huggingface.co/datasets/allenai/aime-2022-2025",
        licence="copyright of the Mathematical Association of America",
        defects=("thirty problems tell little: one more right answer is 3.3 points",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        if "year" in doc and int(doc["year"]) != self.year:
            return None
        number = doc["id"] if "id" in doc else doc["problem_idx"]
        return self.problem(doc["problem"], int(doc["answer"]), id=f"{self.year}_{number}")


for _year in AIME_YEARS:
    _path = "allenai/aime-2022-2025" if _year < 2026 else "MathArena/aime_2026"
    _attributes = {
        "__module__": __name__,
        "__doc__": f"Both examinations of {_year}.",
        "data_source": DataSource(path=_path, split="train"),
        "year": _year,
    }
    register(f"aime_{_year}")(type(f"Aime{_year}", (Aime,), _attributes))
    register_sampled(f"aime_{_year}")
