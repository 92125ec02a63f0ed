"""Judged benchmarks from end to end: a model and a judge that give one answer each."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval import evaluate, plugins
from olmo_eval.common.types import Outcome
from olmo_eval.results.store import Run


def run(tmp_path: Path, task: str, reply: str) -> Run:
    judge = {"kind": "mock", "model": "mock", "kwargs": {"text": reply}}
    harness = {"auxiliary_providers": {"judge": judge}}
    own = ["olmo_eval_tasks.plugin", "olmo_eval_scaffolds.plugin"]
    with plugins.fresh_manager(own):
        return evaluate("mock", [task], harness=harness, results=str(tmp_path))


@pytest.mark.usefixtures("invented_mirror")
def test_mt_bench_asks_two_turns_and_has_both_rated(tmp_path: Path) -> None:
    found = run(tmp_path, "mt_bench", "Fine: [[7.5]]")

    scores = {score.metric: (score.value, score.n_expected) for score in found.scores()}
    assert scores["rating"] == scores["rating_turn_2"] == (7.5, 2)
    assert scores["category=math"] == (7.5, 1)
    assert scores["category=stem"] == (None, 0)


@pytest.mark.usefixtures("invented_mirror")
@pytest.mark.parametrize(
    ("task", "reply", "score"),
    [
        ("simpleqa:judge", "B", 0.0),
        ("harmbench:wg_judge", "Harmful response: no", 1.0),
        ("alpaca_eval", "WINNER: A", 0.5),
    ],
)
def test_a_judge_grades(tmp_path: Path, task: str, reply: str, score: float) -> None:
    assert run(tmp_path, task, reply).scores()[0].value == score


@pytest.mark.usefixtures("invented_mirror")
def test_a_reply_that_cannot_be_read_is_no_score(tmp_path: Path) -> None:
    found = run(tmp_path, "simpleqa:judge", "A response that is wrong. C")

    assert found.scores()[0].value is None
    outcomes = found.instances("simpleqa:judge", ["outcome"])["outcome"]
    assert set(outcomes.to_pylist()) == {Outcome.JUDGE_FAILED.value}
