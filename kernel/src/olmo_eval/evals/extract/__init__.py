"""Finding the answer in what a model wrote: one module a kind of answer.

Pure functions of a text: no settings, no model. A task's ``extract_answer`` is one call of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.evals.extract.code import (
        extract_code,
        extract_code_before_fence,
        indent_code,
        sanitize_code,
    )
    from olmo_eval.evals.extract.equality import is_equiv
    from olmo_eval.evals.extract.letters import extract_mcq_answer
    from olmo_eval.evals.extract.minerva import (
        MathExtractor,
        extract_math_answer,
        normalize_final_answer,
    )
    from olmo_eval.evals.extract.thinking import extract_think_answer, extract_think_answer_only

__all__ = [
    "MathExtractor",
    "extract_code",
    "extract_code_before_fence",
    "extract_math_answer",
    "extract_mcq_answer",
    "extract_think_answer",
    "extract_think_answer_only",
    "indent_code",
    "is_equiv",
    "normalize_final_answer",
    "sanitize_code",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "MathExtractor": "olmo_eval.evals.extract.minerva",
        "extract_code": "olmo_eval.evals.extract.code",
        "extract_code_before_fence": "olmo_eval.evals.extract.code",
        "extract_math_answer": "olmo_eval.evals.extract.minerva",
        "extract_mcq_answer": "olmo_eval.evals.extract.letters",
        "extract_think_answer": "olmo_eval.evals.extract.thinking",
        "extract_think_answer_only": "olmo_eval.evals.extract.thinking",
        "indent_code": "olmo_eval.evals.extract.code",
        "is_equiv": "olmo_eval.evals.extract.equality",
        "normalize_final_answer": "olmo_eval.evals.extract.minerva",
        "sanitize_code": "olmo_eval.evals.extract.code",
    },
)
