"""A judge at an OpenAI-compatible server, from the key that is missing to a second opinion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare, evaluate
from olmo_eval.errors import UsageError
from olmo_eval.results.store import Run
from olmo_eval.testing.server import Reply, ScriptedServer

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_spec("litellm") is None, reason="litellm is not installed"),
]

METRIC = "metrics=[accuracy:simpleqa_judge]"


class JudgeServer(ScriptedServer):
    """Grades by letters: B where the answer is 42, else A; its thoughts say otherwise.

    ``most`` is how many it grades before it fails; ``says`` is what it says instead, if anything.
    """

    def __init__(self) -> None:
        self.most = 1_000
        self.says: str | None = None
        super().__init__(self._grade)

    def _grade(self, body: Mapping[str, Any]) -> Reply:
        if len(self.requests) > self.most:
            raise ConnectionError("gone")
        grade = "B" if "The answer is 42." in body["messages"][-1]["content"] else "A"
        return {"text": self.says or grade, "reasoning": "A!"}


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as made:
        yield made


def judged(
    server: JudgeServer | None, results: Path, model: str = "openai/judge-a", **more: Any
) -> Run:
    overrides = [METRIC, "auxiliary_providers.judge.max_retries=0"]
    if server is not None:
        overrides += [
            f"auxiliary_providers.judge.base_url={server.base_url}",
            "auxiliary_providers.judge.kwargs.api_key=sk-of-nobody-12345678",
        ]
    return evaluate(
        "mock",
        "tiny_sums:chat",
        judge=f"litellm:{model}",
        overrides=overrides,
        limit=20,
        results=str(results),
        **more,
    )


def calls(run: Run) -> list[dict[str, Any]]:
    kept = [json.loads(row["outputs"][0]["evidence"] or "{}") for row in run.rows("tiny_sums:chat")]
    return [call for one in kept for call in one.get("judge_calls", ())]


def test_a_key_that_is_missing_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(
        UsageError, match="judge 'judge': the environment lacks OPENAI_API_KEY"
    ) as e:
        judged(None, tmp_path)
    assert "-o auxiliary_providers.judge.kwargs.api_key_env=NAME" in str(e.value)


def test_thoughts_of_a_service_are_no_verdict_and_nothing_secret_is_kept(
    server: JudgeServer, tmp_path: Path
) -> None:
    run = judged(server, tmp_path)

    assert run.scores()[0].value == 0.0
    assert {(call["reply"], call["thinking"]) for call in calls(run)} == {("B", "A!")}
    assert run.record["judge_usage"]["prompt_tokens"] > 20 * 50
    for path in Path(run.location).rglob("*"):
        assert not path.is_file() or b"sk-of-nobody" not in path.read_bytes()


def test_a_judge_that_dies_midway_is_asked_again_alone(server: JudgeServer, tmp_path: Path) -> None:
    server.most = 12
    died = judged(server, tmp_path)
    outcomes = died.task_record("tiny_sums:chat")["outcomes"]
    assert (outcomes["judge_failed"], died.scores()[0].n_scored) == (8, 12)

    server.most = 1_000
    before = len(server.requests)
    made = judged(server, tmp_path)

    assert (made.run_id, made.status) == (died.run_id, "complete")
    assert len(server.requests) - before == 8
    assert made.record["judge_usage"]["calls"] == 20


def test_another_judge_gives_a_second_opinion(server: JudgeServer, tmp_path: Path) -> None:
    first = judged(server, tmp_path)
    server.says = "A: CORRECT"
    second = judged(server, tmp_path, model="openai/judge-b")

    assert len(server.requests) == 40
    with pytest.raises(UsageError, match="openai/judge-a against openai/judge-b"):
        compare(first, second)
    found = compare(first, second, allow_different=["judge"])
    assert (found.tasks[0].score_a, found.tasks[0].score_b) == (0.0, 1.0)
