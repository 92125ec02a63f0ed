"""``output_prediction``: whether a function's predicted output or input is right, by running it."""

from __future__ import annotations

import ast
from typing import ClassVar

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.types import Instance
from olmo_eval_tasks.scorers.apart.verdict import Tests
from olmo_eval_tasks.scorers.code import PythonScorer, judged_once, record_verdict
from olmo_eval_tasks.scorers.status import Status, brief

#: gives the arguments of a call in place of making it
_GIVEN = "_given_arguments"
_TAKE = f"def {_GIVEN}(*positional, **named):\n    return positional, named\n"
#: what the tests ask the answer for
_ANSWER = "_predicted"


@frozen
class OutputPredictionScorer(PythonScorer):
    """1 where ``assert OUTPUT == ANSWER`` holds below the function, as CRUXEval checks.

    The instance's metadata gives ``code``, ``input`` and ``output``. ``predicts`` says what the
    answer is: the ``output``, which must not call the function on the given input again, or the
    ``input`` as a call ``f(...)``. The answer must be one expression that can stand in a comparison
    for equality. It is evaluated in one environment, where nobody knows what is expected, and what
    it gave, a value of builtin types, is compared in another (``scorers.apart``); of an input, the
    arguments alone are evaluated there, and the function is run on them where no answer has been.
    """

    name: str = "output_prediction"
    predicts: str = field(default="output", validator=validators.in_(("output", "input")))
    timeout: float = field(default=3.0, validator=validators.gt(0))
    max_output_len: int = field(default=500, validator=validators.ge(0))

    version: ClassVar[int] = 2

    async def score_code(self, instance: Instance, answer: str, episode: Episode) -> float:
        known = instance.metadata
        asked = self._asked(instance, answer)
        if asked is None:
            episode.record("execution", brief(Status.FAILED))
            return 0.0
        program, tests = asked
        names = (_ANSWER,)
        verdict = await judged_once(
            program,
            Tests(source=tests, setup=str(known["code"]), names=names, timeout=self.timeout),
            episode,
            self.capability,
        )
        record_verdict(verdict, episode, self.max_output_len)
        return float(verdict.passed)

    def _asked(self, instance: Instance, answer: str) -> tuple[str, str] | None:
        """The program that evaluates the answer, and its tests; None where it is wrong whatever it
        gives."""
        known = instance.metadata
        if not _is_one_equality(f"assert {known['output']} == {answer}"):
            return None
        if self.predicts == "output":
            if f"f({known['input']})" in answer:
                return None
            program = f"{known['code']}\ndef {_ANSWER}():\n    return (\n{answer}\n)\n"
            return program, f"assert {known['output']} == {_ANSWER}()\n"
        call = _call(answer)
        if call is None:
            return None
        program = f"{known['code']}\n{_TAKE}def {_ANSWER}():\n    return {call}\n"
        return program, (
            f"positional, named = {_ANSWER}()\n"
            f"assert {known['output']} == f(*positional, **named)\n"
        )


def _call(answer: str) -> str | None:
    """A call ``f(...)`` as one that gives its arguments; None where it is no such call."""
    call = ast.parse(answer.strip(), mode="eval").body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "f"):
        return None
    call.func.id = _GIVEN
    return ast.unparse(call)


def _is_one_equality(assertion: str) -> bool:
    try:
        (statement,) = ast.parse(assertion).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    test = statement.test if isinstance(statement, ast.Assert) else None
    return isinstance(test, ast.Compare) and [type(op) for op in test.ops] == [ast.Eq]
