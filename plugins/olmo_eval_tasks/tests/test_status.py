"""How a program ended is kept in a word, whatever ran it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from olmo_eval.common.types import Instance
from olmo_eval.sandbox import ExecResult
from olmo_eval_tasks.scorers.code import CodeExecutionScorer
from olmo_eval_tasks.scorers.multipl_e import MultiplEScorer
from olmo_eval_tasks.scorers.output_prediction import OutputPredictionScorer
from olmo_eval_tasks.scorers.program_tests import ProgramInstance, ProgramTest, ProgramTestsScorer
from olmo_eval_tasks.scorers.status import status_of

CODE = Instance(
    "f", metadata={"code_prefix": "def f(x):\n", "test": "assert f(1) == 2", "entry_point": "f"}
)
PROGRAM = ProgramInstance("double", tests=(ProgramTest("2\n", "4\n"),))
PREDICTION = Instance(
    "f", metadata={"code": "def f(x):\n    return x", "input": "1", "output": "1"}
)
SHELL = Instance("f", metadata={"code_prefix": "f() {\n", "test": '}\n[ "$(f)" = 1 ] || exit 1\n'})

#: what a scorer is given, and the status that it keeps
CASES: list[tuple[Any, Any, str | None, str]] = [
    (CodeExecutionScorer(timeout=2.0), CODE, "    return x + 1", "passed"),
    (CodeExecutionScorer(timeout=2.0), CODE, "    return (", "syntax_error"),
    (CodeExecutionScorer(timeout=1.0), CODE, "    while True: pass", "timeout"),
    (CodeExecutionScorer(timeout=9.0), CODE, "    return bytearray(1 << 33)", "out_of_memory"),
    (CodeExecutionScorer(timeout=2.0), CODE, None, "no_code"),
    (ProgramTestsScorer(timeout=2.0), PROGRAM, "print(int(input()) * 2)", "passed"),
    (ProgramTestsScorer(timeout=2.0), PROGRAM, "print(", "syntax_error"),
    (ProgramTestsScorer(timeout=9.0), PROGRAM, "while True: print('x' * 9999)", "output_limit"),
    (OutputPredictionScorer(), PREDICTION, "2", "failed"),
    (OutputPredictionScorer(), PREDICTION, "1 +", "failed"),
    (MultiplEScorer(language="sh"), SHELL, "    echo 2", "failed"),
    (MultiplEScorer(language="sh"), SHELL, "    fi", "syntax_error"),
]


def test_every_program_has_a_status(scored_with_evidence: Callable[..., Any]) -> None:
    asked = [(scorer, instance, answer) for scorer, instance, answer, _status in CASES]

    found = scored_with_evidence(asked, memory="256m", output_limit="64k")

    statuses = [evidence["execution"]["status"] for _number, evidence in found]
    assert statuses == [status for *_, status in CASES]
    assert [number for number, _ in found] == [float(s == "passed") for s in statuses]


@pytest.mark.parametrize(
    ("ran", "status"),
    [
        (ExecResult(0, "", ""), "failed"),
        (ExecResult(None, "", "", timed_out=True), "timeout"),
        (ExecResult(137, "", "", limit="memory"), "out_of_memory"),
        (ExecResult(137, "", "", limit="processes"), "process_limit"),
        (ExecResult(1, "", "SyntaxError: no\nValueError: x"), "failed"),
        (ExecResult(134, "", "terminate\nwhat():  std::bad_alloc\n"), "out_of_memory"),
    ],
)
def test_a_limit_counts_before_what_was_said(ran: ExecResult, status: str) -> None:
    assert status_of(ran) == status
