"""``output_prediction``: whether a function's predicted output or input is right, by running it."""

from __future__ import annotations

import ast

from attrs import field, frozen, validators

from olmo_eval.common.types import Instance
from olmo_eval_tasks.scorers.code import PythonScorer


@frozen
class OutputPredictionScorer(PythonScorer):
    """1 where ``assert OUTPUT == ANSWER`` holds below the function, as CRUXEval checks.

    The instance's metadata gives ``code``, ``input`` and ``output``. ``predicts`` says what the
    answer is: the ``output``, which must not call the function on the given input again, or the
    ``input`` as a call ``f(...)``. The assertion must be one comparison for equality: an answer
    like ``0 or True`` would make every assertion hold.
    """

    name: str = "output_prediction"
    predicts: str = field(default="output", validator=validators.in_(("output", "input")))
    timeout: float = field(default=3.0, validator=validators.gt(0))
    max_output_len: int = field(default=500, validator=validators.ge(0))

    def program(self, instance: Instance, answer: str, exit_code: int) -> str | None:
        known = instance.metadata
        repeats = f"f({known['input']})" in answer
        if repeats if self.predicts == "output" else "f(" not in answer:
            return None
        assertion = f"assert {known['output']} == {answer}"
        if not _is_one_equality(assertion):
            return None
        return f"{known['code']}\n{assertion}\nraise SystemExit({exit_code})\n"


def _is_one_equality(assertion: str) -> bool:
    try:
        (statement,) = ast.parse(assertion).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    test = statement.test if isinstance(statement, ast.Assert) else None
    return isinstance(test, ast.Compare) and [type(op) for op in test.ops] == [ast.Eq]
