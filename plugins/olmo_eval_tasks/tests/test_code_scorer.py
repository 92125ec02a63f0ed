"""Code in model output: found, put into the function, run to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.scorers.code import CodeExecutionScorer, code_in, completed

HEAD = "def f(x):\n"
DOCUMENTED = 'import math\n\ndef half(x):\n    return x / 2\n\ndef f(x):\n    """One more."""\n'


def instance(prefix: str = HEAD, test: str = "assert f(1) == 2", **more: Any) -> Instance:
    known = {"code_prefix": prefix, "test": test, "entry_point": "f", **more}
    return Instance(prefix, metadata=known)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("    return 1\n", "    return 1\n"),
        ("```python\nreturn 1\n```\nDone.", "return 1\n"),
        ("Sure:\n```\nreturn 1\n```", "return 1\n"),
        ("```python\nreturn 1\n", "return 1\n"),
        ("    return 1\n```", "    return 1"),
        ("", None),
        (" \n", None),
        ("```python\n```", None),
    ],
)
def test_code_is_found(text: str, code: str | None) -> None:
    assert code_in(text) == code


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        ("    return x + 1", f"{HEAD}    return x + 1"),
        ("y = x\nreturn y + 1", f"{HEAD}    y = x\n    return y + 1"),
        ("y = x\n    return y + 1", f"{HEAD}    y = x\n    return y + 1"),
        ("def f(x):\n    return x + 1", f"{HEAD}    pass\ndef f(x):\n    return x + 1"),
    ],
)
def test_a_body_is_indented_and_a_function_stays_as_it_is(answer: str, program: str) -> None:
    assert completed(HEAD, answer, "f") == program


def test_a_function_may_use_the_helpers_of_the_prompt() -> None:
    program = completed(DOCUMENTED, "def f(x):\n    return math.ceil(half(2 * x)) + 1", "f")

    scope: dict[str, Any] = {}
    exec(program, scope)

    assert scope["f"](1) == 2


def test_imports_of_the_future_come_first() -> None:
    answer = "from __future__ import annotations\n\ndef f(x: Unknown):\n    return x + 1"

    exec(completed(DOCUMENTED, answer, "f"), scope := {})

    assert scope["f"](1) == 2


def test_a_program_must_reach_its_last_line() -> None:
    program = CodeExecutionScorer().program(instance(), "return x + 1", 77)

    with pytest.raises(SystemExit) as end:
        exec(program, {})
    assert end.value.code == 77


def test_only_programs_that_pass_their_tests_pass(score: Callable[[Any], list[float]]) -> None:
    scorer = CodeExecutionScorer(timeout=2.0)
    wrong = (
        "    return x",
        "    raise SystemExit(0)",
        "    import os; os._exit(0)",
        "    return x\nclass AssertionError(BaseException): pass\n",
        "    return type('A', (), {'__eq__': lambda *a: exit()})()",
        "    while True: pass",
        "    return (((",
        None,
    )

    scores = score([(scorer, instance(), answer) for answer in ("    return x + 1", *wrong)])

    assert scores == [1.0] + [0.0] * len(wrong)


def test_what_stands_after_the_answer_belongs_to_the_program(
    score: Callable[[Any], list[float]],
) -> None:
    between = instance(code_suffix="    return y\n")

    assert score([(CodeExecutionScorer(), between, "    y = x + 1\n")]) == [1.0]


def test_settings_are_the_published_ones() -> None:
    scorer = CodeExecutionScorer("mine", 3.0, "python", "\n", 100)

    assert (scorer.name, scorer.timeout, scorer.max_output_len) == ("mine", 3.0, 100)
    assert CodeExecutionScorer().timeout == 20.0
    with pytest.raises(ValueError, match="timeout"):
        CodeExecutionScorer(timeout=0)
    with pytest.raises(ValueError, match="language"):
        CodeExecutionScorer(language="cobol")


FUNCTION = "def double(x):\n    return 2 * x"
WRITTEN = (
    f"Here:\n```python\n{FUNCTION}\n```",
    f"```Python3\n{FUNCTION}\n```".replace("\n", "\r\n"),
    f"```python\ndef double(x):\n    return x\n```\nNo:\n```python\n{FUNCTION}\n```",
    "```python\ndef double(x):\n    return two(x)\n\ndef two(x):\n    return 2 * x\n```",
    "```python\n    return two(x)\n\ndef two(x):\n    return 2 * x\n```",
    "```python\nreturn 2 * x\n```",
    f"1. So:\n   ```\n   {FUNCTION}\n   ```".replace("\n    return", "\n       return"),
)


def test_the_robust_variant_reads_the_code_wherever_it_stands(
    invented_mirror: Any, first: Any, score: Callable[[Any], list[float]]
) -> None:
    task, double = first("humaneval:robust")
    (scorer,) = task.scorers()

    scores = score([(scorer, double, task.extract_answer(LMOutput(text))) for text in WRITTEN])

    assert task.config.sampling_params.stop_sequences is None
    assert scores == [1.0] * len(WRITTEN)


def test_chat_keeps_the_published_stops(invented_mirror: Any) -> None:
    chat, robust = (build_task(f"humaneval:{v}").config for v in ("chat", "robust"))

    assert "\ndef" in (chat.sampling_params.stop_sequences or ())
    assert chat.formatter == robust.formatter


#: programs, and tests that exchange with them what is no number or text
EXCHANGES = (
    ("    yield from range(x)", "assert list(f(3)) == [0, 1, 2]"),
    ("    while True:\n        x += 1\n        yield x", "assert next(f(1)) == 2"),
    ("    return map(str, range(x))", "assert sorted(f(2)) == ['0', '1']"),
    ("    return {x: x}.keys()", "assert f(1) == {1}"),
    ("    return {x: 2}.items()", "assert list(f(1)) == [(1, 2)]"),
    ("    from collections import deque\n    return deque([x])", "assert f(1)[0] == 1"),
    (
        "    return x\n\nclass Node:\n    def __init__(self): self.next = None\n\n"
        "def length(n): return 1 + length(n.next) if n else 0",
        "a = Node()\na.next = Node()\nassert length(a) == 2",
    ),
)


def test_what_programs_and_tests_exchange_is_the_same_on_both_sides(
    score: Callable[[Any], list[float]],
) -> None:
    scorer = CodeExecutionScorer(timeout=5.0)

    cases = [(scorer, instance(test=test), answer) for answer, test in EXCHANGES]

    assert score(cases) == [1.0] * len(cases)
