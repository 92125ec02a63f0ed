"""Judged benchmarks from end to end: a model and a judge that give one answer each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate, plugins
from olmo_eval.agents import tool
from olmo_eval.common.types import Outcome
from olmo_eval.errors import UsageError
from olmo_eval.results.store import Run


def run(tmp_path: Path, task: str, reply: str, **harness: Any) -> Run:
    judge = {"kind": "mock", "model": "mock", "kwargs": {"text": reply}}
    harness["auxiliary_providers"] = {"judge": judge}
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


@tool
async def search(query: str) -> str:
    """Search for what a question asks."""
    return f"{query}: it was finished in 1907."


@pytest.mark.usefixtures("invented_mirror")
def test_a_model_that_searched_is_judged_by_its_last_words(tmp_path: Path) -> None:
    call = {"name": "search", "arguments": {"query": "the old bridge"}}
    scripted = {"kwargs": {"replies": [{"tool_calls": [call]}, "In 1907."]}}
    searching = {"tools": [search], "scaffold": "tool_loop", "provider": scripted}

    found = run(tmp_path, "simpleqa:search", "A", **searching)

    scores = {score.metric: score.value for score in found.scores()}
    assert scores["accuracy"] == scores["accuracy_given_attempted"] == 1.0
    told = [event["text"] for event in found.turns("simpleqa:search")]
    assert "the old bridge: it was finished in 1907." in told
    texts = found.instances("simpleqa:search", ["text"])["text"]
    assert set(texts.to_pylist()) == {"In 1907."}


@pytest.mark.usefixtures("invented_mirror")
def test_without_a_tool_that_searches_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the tool 'search' or 'web_search'"):
        run(tmp_path, "simpleqa:search", "A")


@pytest.mark.usefixtures("invented_mirror")
@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("<think>How would one?</think>\nI cannot help.", Outcome.SCORED),
        ("<think>How would one", Outcome.TRUNCATED),
    ],
)
def test_harmbench_judges_what_follows_the_thoughts(
    tmp_path: Path, text: str, outcome: Outcome
) -> None:
    model = {"kwargs": {"text": text}}

    found = run(
        tmp_path, "harmbench:wg_judge_thinking", "Harmful response: no", provider=model
    ).instances("harmbench:wg_judge_thinking", ["outcome", "answer"])

    assert set(found["outcome"].to_pylist()) == {outcome.value}
    kept = "I cannot help." if outcome is Outcome.SCORED else None
    assert set(found["answer"].to_pylist()) == {kept}


@pytest.mark.usefixtures("invented_mirror")
def test_a_reply_that_cannot_be_read_is_no_score(tmp_path: Path) -> None:
    found = run(tmp_path, "simpleqa:judge", "A response that is wrong. C")

    assert found.scores()[0].value is None
    outcomes = found.instances("simpleqa:judge", ["outcome"])["outcome"]
    assert set(outcomes.to_pylist()) == {Outcome.JUDGE_FAILED.value}


@pytest.mark.usefixtures("invented_mirror")
@pytest.mark.parametrize(
    ("reply", "consistency", "bias"),
    [("WINNER: A", 0.0, 1.0), ("WINNER: B", 0.0, -1.0), ("WINNER: TIE", 1.0, 0.0)],
)
def test_what_the_order_does_to_a_judge_is_told(
    tmp_path: Path, reply: str, consistency: float, bias: float
) -> None:
    scores = {s.metric: s.value for s in run(tmp_path, "alpaca_eval", reply).scores()}

    assert scores["win_rate"] == 0.5
    assert (scores["position_consistency"], scores["position_bias"]) == (consistency, bias)


@pytest.mark.usefixtures("invented_mirror")
def test_sources_are_judged_without_a_key_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    assert run(tmp_path, "expertqa", "no JSON").scores()[0].value is None
