"""Finding the answer in what a model wrote: one module a kind of answer.

Pure functions of a text: no settings, no model. A task's ``extract_answer`` is one call of these.
"""

from __future__ import annotations

from importlib import import_module, util
from typing import Any

from olmo_eval.errors import MissingDependencyError
from olmo_eval.supplied import supplied

#: published names -> module of this package, and the name there
_HOMES = {
    "extract_code": ("code", "extract_code"),
    "extract_code_before_fence": ("code", "extract_code_before_fence"),
    "extract_math_answer": ("minerva", "extract_math_answer"),
    "extract_mcq_answer": ("letters", "extract_mcq_answer"),
    "extract_think_answer": ("thinking", "extract_think_answer"),
    "extract_think_answer_only": ("thinking", "extract_think_answer_only"),
    "indent_code": ("code", "indent_code"),
    "normalize_final_answer": ("minerva", "normalize_final_answer"),
    "sanitize_code": ("code", "sanitize_code"),
}


def is_equiv(gen: str, correct: str) -> bool:
    """Whether two mathematical answers are equal, as the scorer ``math_verify`` (or the published
    ``minerva_math_flex``) decides.

    Raises:
        MissingDependencyError: no plugin supplies such a scorer.
    """
    from olmo_eval.common.types import Instance, LMOutput

    names = ("math_verify", "minerva_math_flex", "math_flex")
    scorer = supplied("is_equiv", "scorers", names, "olmo-eval-tasks")()
    output = LMOutput(gen, extracted_answer=gen)
    return bool(scorer.score(Instance("", gold_answer=correct), output) == 1.0)


class MathExtractor:
    """The answer of a worked solution: ``extract_answer(text)`` is ``extract_math_answer``."""

    @staticmethod
    def extract_answer(text: str) -> Any:
        return __getattr__("extract_math_answer")(text)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _HOMES[name]
    found = None
    if util.find_spec(f"{__name__}.{module}") is not None:
        found = getattr(import_module(f"{__name__}.{module}"), function, None)
    if found is None:
        raise MissingDependencyError(
            f"this version has no {name}", hint="pip install --upgrade olmo-eval"
        )
    return found
