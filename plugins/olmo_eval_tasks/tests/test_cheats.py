"""A program that cheats scores 0 and harms nothing; an honest one scores 1. In real containers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from cheats import CHEATS, HONEST

from olmo_eval import plugins
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox import SandboxConfig
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_tasks.scorers.code import CodeExecutionScorer

HEAD = 'def add(a, b):\n    """The sum of two numbers."""\n'
TESTS = (
    "def check(candidate):\n"
    "    assert candidate(2, 3) == 5\n"
    "    assert candidate(-1, 1) == 0\n"
    "    assert all(candidate(n, n) == 2 * n for n in range(3))\n"
    "check(add)\n"
)
ADD = Instance(
    HEAD, metadata={"id": "add", "entry_point": "add", "code_prefix": HEAD, "test": TESTS}
)


class Place:
    """What of an episode the scorer uses."""

    def __init__(self, planner: SandboxPlanner) -> None:
        self.binding = planner.binding(["python"])
        self.recorded: dict[str, Any] = {}

    async def sandbox(self, capability: str) -> Any:
        return await self.binding.get(capability)

    async def renew(self, capability: str) -> Any:
        return await self.binding.renew(capability)

    async def once(self, key: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        return await work()

    def record(self, key: str, value: Any) -> None:
        self.recorded[key] = value


async def scored(planner: SandboxPlanner, answer: str, instance: Instance = ADD) -> float:
    place = Place(planner)
    try:
        output = LMOutput(answer, extracted_answer=answer)
        return await CodeExecutionScorer(timeout=3.0).score_async(instance, output, place)  # type: ignore[arg-type]
    finally:
        await place.binding.close()


def all_scored(
    backend: str, answers: dict[str, str], honest_after: bool = False, **settings: str
) -> dict[str, float]:
    async def main() -> dict[str, float]:
        config = SandboxConfig(
            mode=backend,
            unsafe_local=True,
            memory="128m",
            disk="16m",
            pids=32,
            instances=1,
            kwargs=dict(settings),
        )
        found = {}
        async with SandboxPlanner([config]) as planner:
            for name, answer in answers.items():
                found[name] = await scored(planner, answer)
                if honest_after:
                    assert await scored(planner, HONEST["a body"]) == 1.0, f"after {name}"
        return found

    with plugins.fresh_manager(["olmo_eval_sandboxes.plugin"]):
        return anyio.run(main)


def reachable(backend: str, **settings: str) -> str:
    """Why a backend cannot be used here; empty where it can."""

    async def start() -> None:
        kind = plugins.manager().registry("sandboxes").get(backend)
        made = kind(SandboxConfig(mode=backend, kwargs=dict(settings)))
        await made.start()
        await made.close()

    with plugins.fresh_manager(["olmo_eval_sandboxes.plugin"]):
        try:
            anyio.run(start)
        except OlmoEvalError as error:
            return f"{error.message} ({error.hint})"
    return ""


@pytest.mark.engine
@pytest.mark.parametrize("backend", ["docker", "podman", "modal", "kubernetes", "local"])
def test_a_program_that_cheats_scores_0_and_harms_nothing(
    backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend in ("modal", "kubernetes"):
        for name, value in request.getfixturevalue(f"{backend}_service").items():
            monkeypatch.setenv(name, value)
    settings = {"namespaces": "require"} if backend == "local" else {}
    if why := reachable(backend, **settings):
        pytest.skip(why)

    assert all_scored(backend, CHEATS, honest_after=True, **settings) == dict.fromkeys(CHEATS, 0.0)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_scores_1(name: str) -> None:
    assert all_scored("local", {name: HONEST[name]}) == {name: 1.0}


#: those that harm nothing where there is no container
HARMLESS = (
    "leaves early with success",
    "equal to everything",
    "a list that is equal to everything",
    "replaces builtins",
    "reads what lies about",
    "looks into the frames above",
    "writes the reply itself",
    "writes the reply, and ends",
    "leaves modules in the way",
    "raises what the tests may catch",
    "patches the checker",
    "a number that says it is another",
    "is nothing",
)


def test_values_are_what_counts_without_a_container_too() -> None:
    tried = {name: CHEATS[name] for name in HARMLESS}

    assert all_scored("local", tried) == dict.fromkeys(tried, 0.0)
