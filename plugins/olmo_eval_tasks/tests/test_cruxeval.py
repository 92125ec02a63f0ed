"""CRUXEval: what is read as the answer, and which answers hold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.scorers.output_prediction import OutputPredictionScorer

OUTPUT, INPUT = OutputPredictionScorer(), OutputPredictionScorer(predicts="input")
SUM = Instance(
    "f", metadata={"code": "def f(a, b):\n    return a + b", "input": "1, 2", "output": "3"}
)


@pytest.mark.parametrize(
    ("spec", "text", "answer"),
    [
        ("cruxeval_output", "assert f(17) == 17\n", "17"),
        ("cruxeval_output", "assert f(17) == 17\n[/ANSWER]\n\n[PYTHON]", "17"),
        ("cruxeval_output", "17", "17"),
        ("cruxeval_output", "", None),
        ("cruxeval_output", "assert f('x') == 'a==b'", "'a"),
        ("cruxeval_input", "assert f(16) == 17\n", "f(16)"),
        ("cruxeval_input", "[ANSWER]\nassert f(16) == 17\n", "f(16)"),
        ("cruxeval_input", "f(16)", "f(16)"),
        ("cruxeval_output:cot", "It is 4 == 4.\n[/THOUGHT]\n[ANSWER]\nassert f(1) == 5\n", "5"),
        ("cruxeval_output:cot", "So it returns\n5", "5"),
        ("cruxeval_input:cot", "x == 2\n[ANSWER]\nassert f(2) == 5\n[/ANSWER]", "f(2)"),
        ("cruxeval_output:robust", "f is ==.\n```python\nassert f('x') == 'a==b'\n```", "'a==b'"),
        ("cruxeval_output:robust", "**assert f(1) == [1, 2]**", "[1, 2]"),
        (
            "cruxeval_input:robust",
            "First assert f(1) fails.\n[ANSWER]\nassert f('==') == 2",
            "f('==')",
        ),
    ],
)
def test_answers_are_read(spec: str, text: str, answer: str | None, invented_mirror: Any) -> None:
    assert build_task(spec).extracted(LMOutput(text)).extracted_answer == answer


ANSWERS = (
    (OUTPUT, "3", 1.0),
    (OUTPUT, "1 + 2", 1.0),
    (OUTPUT, "3  # three", 1.0),
    (OUTPUT, "4", 0.0),
    (OUTPUT, "f(1, 2)", 0.0),
    (OUTPUT, "0 or True", 0.0),
    (OUTPUT, "exit(0)", 0.0),
    (OUTPUT, "3\nSo it returns three.", 0.0),
    (INPUT, "f(1, 2)", 1.0),
    (INPUT, "f(0, 3)", 1.0),
    (INPUT, "f(1, 1)", 0.0),
    (INPUT, "3", 0.0),
    (INPUT, "f(1, 1) or True", 0.0),
)


def test_answers_hold(score: Callable[[Any], list[float]]) -> None:
    scores = score([(scorer, SUM, answer) for scorer, answer, _ in ANSWERS])

    assert scores == [right for _, _, right in ANSWERS]


def test_pass_at_5_draws_ten_samples_at_a_higher_temperature(invented_mirror: Any) -> None:
    config = build_task("cruxeval_output:pass_at_5").config

    assert (config.sampling_params.num_samples, config.sampling_params.temperature) == (10, 0.8)
    assert config.primary().metric_name == "pass_at_5"


@pytest.mark.parametrize("spec", ["cruxeval_output", "cruxeval_input", "cruxeval_output:robust"])
def test_the_data_answers_hold(
    spec: str, data_mirror: Any, score: Callable[[Any], list[float]]
) -> None:
    task = build_task(spec)
    (scorer,) = task.scorers()
    some = list(islice(task.instances, 0, 800, 40))

    cases = [(scorer, i, task.extracted(LMOutput(task.oracle(i))).extracted_answer) for i in some]

    assert score(cases) == [1.0] * len(some)
