"""The data's own solutions pass, however a model writes them down; run in a local sandbox."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.tasks.common import Task, build_task


def function(instance: Instance) -> str:
    """The whole solution, as a chat model writes it."""
    prefix = str(instance.metadata.get("code_prefix", ""))
    return f"Certainly:\n\n```python\n{prefix}{instance.gold_answer}\n```\nThat is all."


def body(instance: Instance) -> str:
    """The body alone, without its indentation, as ``humaneval:chat`` asks for it."""
    lines = str(instance.gold_answer).strip("\n").splitlines()
    return "```python\n" + "\n".join(line.removeprefix("    ") for line in lines) + "\n```"


def stopped(task: Task, text: str) -> str:
    """``text`` as an engine returns it: cut at the first stop sequence."""
    stops = task.config.sampling_params.stop_sequences or ()
    return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]


@pytest.mark.parametrize(
    ("spec", "written", "every"),
    [
        ("humaneval", lambda i: i.gold_text, 16),
        ("humaneval:olmo3base", lambda i: i.gold_text, 16),
        ("humaneval:robust", function, 10),
        ("humaneval:robust", body, 10),
        ("mbpp", lambda i: i.gold_text, 40),
        ("mbpp:olmo3base", lambda i: i.gold_text, 40),
        ("mbpp:robust", function, 40),
    ],
)
def test_the_data_solutions_pass(
    spec: str,
    written: Callable[[Instance], str],
    every: int,
    data_mirror: Any,
    score: Callable[[Any], list[float]],
) -> None:
    task = build_task(spec)
    scorer, some = task.scorers()[0], list(islice(task.instances, 0, None, every))

    texts = [stopped(task, written(instance)) for instance in some]
    answers = [task.extract_answer(LMOutput(text)) for text in texts]

    assert score([(scorer, i, a) for i, a in zip(some, answers, strict=True)]) == [1.0] * len(some)


@pytest.mark.parametrize(
    "spec",
    [
        "humaneval",
        "humaneval_plus",
        "mbpp",
        "mbpp_plus",
        "humanevalfim_single",
        "humanevalfim_random",
    ],
)
def test_invented_solutions_pass_and_wrong_ones_do_not(
    spec: str, invented_mirror: Any, score: Callable[[Any], list[float]]
) -> None:
    task = build_task(spec)
    scorer, instances = task.scorers()[0], list(task.instances)
    right = [task.extract_answer(LMOutput(i.gold_text)) for i in instances]

    assert score([(scorer, i, a) for i, a in zip(instances, right, strict=True)]) == [1.0] * len(
        right
    )
    assert score([(scorer, instances[0], "    return None\n")]) == [0.0]


def test_tests_of_benchmarks_with_libraries_of_their_own(
    invented_mirror: Any, score: Callable[[Any], list[float]]
) -> None:
    for spec in ("bigcodebench", "ds1000"):
        task = build_task(spec)
        scorer, instance = task.scorers()[0], next(iter(task.instances))

        assert scorer.requires == {f"sandbox:{spec}"}
        answers = (instance.gold_text, "pass", "    return None\nclass TestCases: pass", "exit(0)")
        assert score([(scorer, instance, a) for a in answers]) == [1.0, 0.0, 0.0, 0.0]


def test_leetcode_takes_a_body_or_the_whole_class(
    invented_mirror: Any, score: Callable[[Any], list[float]]
) -> None:
    task = build_task("deepseek_leetcode")
    scorer, instance = task.scorers()[0], next(iter(task.instances))
    whole = "```python\nclass Solution:\n    def addTwo(self, a, b):\n        return a + b\n```"

    answers = [task.extract_answer(LMOutput(t)) for t in ("        return a + b", whole, "  x")]

    assert score([(scorer, instance, a) for a in answers]) == [1.0, 1.0, 0.0]
