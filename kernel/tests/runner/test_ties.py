"""Choices between which a model does not decide, and numbers that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.store import Store

LEVELLING = Path(__file__).parent.parent / "packs/levelling.py"


def run(bench: Any, logprob: str, *more: str) -> Any:
    options = ("--plugin", LEVELLING, "-m", "levelling:any", "-t", "pick", *more)
    return bench.cli("run", *options, "-o", f"provider.kwargs.logprob={logprob}")


def test_ties_are_said_and_go_to_the_first_choice(bench: Any) -> None:
    done = run(bench, "-1.0")

    assert done.code == 0
    assert "health: ties between the likeliest choices: pick 30 of 30" in done.out
    assert "0.3333" in done.out  # 10 of 30 times the first choice is right


def test_a_few_ties_are_said_though_they_are_nothing_unusual(bench: Any) -> None:
    from olmo_eval.cli.show import health_lines
    from olmo_eval.results.health import TaskHealth

    class Made:
        location = "run"
        record = {
            "tasks": [{"name": "pick", "health": TaskHealth(100, 100, {"ties": 3}).to_dict()}]
        }

    assert health_lines(Made()) == [  # type: ignore[arg-type]
        "health: nothing unusual in 100 instances",
        "ties between the likeliest choices, of which the first was taken: pick 3 of 100",
    ]


@pytest.mark.parametrize("lost", ["nan", "-inf"])
def test_a_model_that_gives_no_number_has_no_score(bench: Any, lost: str) -> None:
    done = run(bench, lost, "--name", "lost")

    assert done.code == 1
    rows = list(Store("results").find("name=lost").rows("pick"))
    assert len(rows) == 30
    assert {row["outcome"] for row in rows} == {"scorer_failed"}
    assert all(value is None for row in rows for value in row["values"].values())
