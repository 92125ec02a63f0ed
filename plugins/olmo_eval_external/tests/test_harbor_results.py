"""What is made of what Harbor reports, and what is refused before it runs."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from olmo_eval.common.types import Outcome
from olmo_eval.errors import MissingDependencyError, UsageError
from olmo_eval_external import environments
from olmo_eval_external.environments import Requirements, interpreter
from olmo_eval_external.framework import Reported
from olmo_eval_external.harbor import Harbor, result_of


def attempt(task: str, number: int = 0, **more: Any) -> dict[str, Any]:
    known = {"task": task, "attempt": number, "instruction": "Do.", "answer": "", "events": []}
    return {**known, "reward": None, "rewards": {}, "error": None, "timed_out": False, **more}


def reported(*samples: dict[str, Any], mean: float = 0.5) -> Any:
    return result_of(Reported([{"name": "reward", "value": mean}], list(samples)))


def test_attempts_at_one_task_belong_together() -> None:
    result = reported(attempt("a", reward=1.0), attempt("a", 1, reward=0.0))
    assert [one.id for one in result.instances] == ["a#0", "a#1"]
    assert [one.metadata["cluster"] for one in result.instances] == ["a", "a"]


def test_what_a_limit_ended_is_scored_and_what_failed_is_missing() -> None:
    late = attempt("late", reward=0.0, timed_out=True, error="AgentTimeoutError: 60 s")
    gone = attempt("gone", error="RuntimeError: no image")
    limited, failed = reported(late, gone).instances
    assert (limited.score, limited.outcome) == (0.0, Outcome.LIMIT_REACHED)
    assert limited.trajectory is not None and limited.trajectory.stop_reason == "timeout"
    assert (failed.score, failed.outcome, failed.error) == (None, None, "RuntimeError: no image")


@pytest.mark.parametrize("given", [{}, {"path": "x", "dataset": "y"}])
def test_tasks_are_named_in_one_way(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="a path or a dataset"):
        Harbor.files({"path": None, "dataset": None, **given})


def test_results_are_named_after_the_tasks() -> None:
    assert Harbor.part({"path": None, "dataset": "terminal-bench@2.0"}) == "terminal-bench"
    assert Harbor.part({"path": "some/tasks/", "dataset": None}) == "tasks"


def test_an_older_python_is_told_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    needs = Requirements("harbor", "harbor", ("harbor==1",), python=(99, 1))
    with pytest.raises(MissingDependencyError, match=r"needs Python 99\.1 or later") as caught:
        interpreter(needs)
    assert caught.value.hint == "name one: -a python=PATH"
    assert interpreter(Requirements("x", "x", ())) == environments.sys.executable
