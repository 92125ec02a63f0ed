"""Code in model output: found, put into the function, run to its end."""

from __future__ import annotations

import pytest

from olmo_eval.common.types import Instance
from olmo_eval_tasks.scorers.code import CodeExecutionScorer, as_body, code_in


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("    return 1\n", "    return 1\n"),
        ("```python\nreturn 1\n```\nDone.", "return 1\n"),
        ("Sure:\n```\nreturn 1\n```", "return 1\n"),
        ("```python\nreturn 1\n", "return 1\n"),
        ("    return 1\n```", "    return 1"),
        ("<think>maybe 2?</think>    return 1", "    return 1"),
        ("", None),
        (" \n", None),
    ],
)
def test_code_is_found(text: str, code: str | None) -> None:
    assert code_in(text) == code


def test_a_body_is_indented_once() -> None:
    assert as_body("x = 1\nreturn x", "f") == "    x = 1\n    return x"
    assert as_body("    x = 1\n    return x", "f") == "    x = 1\n    return x"


def test_a_whole_function_stays_as_it_is() -> None:
    code = "import math\n\ndef f(x):\n    return math.sqrt(x)\n"

    assert as_body(code, "f") == code
    assert as_body(code, "g") != code


def test_a_program_must_reach_its_last_line() -> None:
    instance = Instance(
        "def f():\n",
        metadata={"code_prefix": "def f():\n", "test": "assert f() == 1", "entry_point": "f"},
    )

    program = CodeExecutionScorer().program(instance, "return 1", 77)

    with pytest.raises(SystemExit) as end:
        exec(program, {})
    assert end.value.code == 77


def test_the_timeout_is_positive() -> None:
    with pytest.raises(ValueError, match="timeout"):
        CodeExecutionScorer(timeout=0)
