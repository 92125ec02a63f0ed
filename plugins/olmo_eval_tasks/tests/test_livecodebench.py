"""LiveCodeBench: programs and functions against tests that only this process knows."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from olmo_eval.common.overrides import parse_override
from olmo_eval.common.types import LMOutput
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.benchmarks.livecodebench import hidden_tests, window
from olmo_eval_tasks.scorers.program_tests import ProgramTestsScorer, same_lines, same_value


@pytest.mark.parametrize(
    ("place", "code", "right"),
    [
        (0, "a, b = map(int, input().split())\nprint(a + b)", 1.0),
        (0, "print(sum(map(int, sys.stdin.read().split())), '  ')", 1.0),
        (0, "print(3)", 0.0),
        (0, "print(3); raise SystemExit(1)", 0.0),
        (1, "class Solution:\n    def twice(self, n):\n        return 2 * n", 1.0),
        (1, "def twice(n):\n    return 2 * n", 1.0),
        (1, "class Solution:\n    def twice(self, n):\n        return n", 0.0),
        (1, "class Solution:\n    def twice(self, n):\n        print(8)\n        exit(0)", 0.0),
    ],
)
def test_programs_run_against_their_tests(
    place: int, code: str, right: float, invented_mirror: Any, score: Callable[[Any], list[float]]
) -> None:
    problem = list(build_task("livecodebench").instances)[place]

    assert score([(ProgramTestsScorer(), problem, code)]) == [right]


def test_outputs_are_compared_as_values() -> None:
    assert same_lines("1 2\n3.0 \n", "1 2\n3")
    assert not same_lines("1 2", "1\n2")
    assert not same_lines("yes", "no")
    assert same_value("[1, 2.0]", "[1,2]")
    assert not same_value("nothing", "1")


def test_the_last_block_is_the_answer(invented_mirror: Any) -> None:
    task = build_task("livecodebench")
    text = "An idea:\n```python\nprint(1)\n```\nBetter:\n```python\nprint(2)\n```"

    assert task.extract_answer(LMOutput(text)) == "print(2)\n"
    assert task.extract_answer(LMOutput("print(2)")) is None


def test_a_range_of_days_keeps_its_problems(invented_mirror: Any) -> None:
    def ids(days: str) -> list[Any]:
        task = build_task("livecodebench", [parse_override(f"split={days}")])
        return [i.metadata["id"] for i in task.instances]

    assert ids("2024-01-01..2024-02-01") == ["inv_a"]
    assert ids("2024-06..") == ["inv_b"]
    assert ids("..2026-01-01") == ["inv_a", "inv_b"]
    with pytest.raises(UsageError, match="not a range of days"):
        window("last year")


def test_hidden_tests_are_unpacked_and_nothing_else_is() -> None:
    tests = [{"input": "1", "output": "2"}]

    def packed(value: Any) -> str:
        return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()

    assert hidden_tests(json.dumps(tests)) == tests
    assert hidden_tests(packed(json.dumps(tests))) == tests
    with pytest.raises(ValueError, match="not text"):
        hidden_tests(packed(print))
