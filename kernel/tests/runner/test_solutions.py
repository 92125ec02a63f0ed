"""Solutions that a check carries out in sandboxes: right ones, wrong ones, and none at all."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import EnvironmentSpec, Instance
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common import Task
from olmo_eval.runner.solutions import check_in_sandbox


class Left(AsyncScorer):
    """1 where the agent left the file ``done``."""

    name = "left"
    reads = "text"
    requires = frozenset({"bash"})
    inspects_environment = True

    async def score_async(self, instance: Instance, output: Any, episode: Any) -> float:
        try:
            await (await episode.sandbox("bash")).read("done")
        except FileNotFoundError:
            return 0.0
        return 1.0


class Chores(Task):
    metrics = (AccuracyMetric(scorer=Left),)
    begins_with: dict[str, str] = {}

    @property
    def instances(self) -> Any:
        for n in range(3):
            spec = EnvironmentSpec(files=self.begins_with)
            yield Instance(f"Make done ({n})", metadata={"id": f"c{n}"}, environment=spec)

    async def solve(self, episode: Any) -> str | None:
        await (await episode.sandbox("bash")).write("done", b"x")
        return "I did."


class Forgetful(Chores):
    async def solve(self, episode: Any) -> str | None:
        return "I did not."


class Given(Chores):
    begins_with = {"done": "already"}


class Failing(Chores):
    async def solve(self, episode: Any) -> str | None:
        raise RuntimeError("no idea")


class Unknown(Chores):
    async def solve(self, episode: Any) -> str | None:
        return None


def found(kind: type[Task], *overrides: str) -> list[str]:
    task = kind(kind.default_config("chores"))
    changed = [parse_override(text) for text in overrides]
    checked = check_in_sandbox(task, "local", changed, sample=5)
    return [f"{f.severity} {f.check}: {f.message}" for f in checked.findings]


@pytest.fixture(autouse=True)
def sandboxes() -> Any:
    pytest.importorskip("olmo_eval_sandboxes")
    from olmo_eval import plugins

    with plugins.fresh_manager(["olmo_eval_sandboxes.plugin"]):
        yield


def test_right_solutions_score_and_an_idle_agent_does_not() -> None:
    assert found(Chores) == []


def test_a_solution_that_does_not_solve_is_found() -> None:
    (finding,) = found(Forgetful)
    assert finding.startswith("error oracle: the right answer scores 0.000 on accuracy:left, not 1")
    assert "3 of 3 instances: 'I did not.'" in finding


def test_a_task_that_an_idle_agent_solves_is_found() -> None:
    (finding,) = found(Given)
    assert finding == (
        "error empty: an agent that does nothing scores on accuracy:left in 3 of 3 instances"
    )


def test_what_fails_is_told() -> None:
    (finding,) = found(Failing)
    assert finding.startswith("error sandbox: 3 of 3 instances could not be checked: ")
    assert "no idea" in finding


def test_nobody_knows_a_solution() -> None:
    (finding,) = found(Unknown)
    assert finding == (
        "note oracle: not checked: nobody says what solves the instances; define solve()"
    )


def test_settings_of_the_sandbox_hold_and_impossible_ones_are_refused() -> None:
    assert found(Chores, "sandboxes.0.memory=256m") == []
    with pytest.raises(UsageError, match="needs a sandbox with 'bash'"):
        found(Chores, "sandboxes.0.capabilities=[python]")


def test_it_says_what_was_carried_out_and_where() -> None:
    task = Chores(Chores.default_config("chores"))

    done = check_in_sandbox(task, "local", sample=5).done

    assert done == "3 solutions carried out and scored in local, and 3 agents that did nothing"
