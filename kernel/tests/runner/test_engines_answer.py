"""A run whose sandboxes' engine does not answer ends before its model is loaded or asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
from pathlib import Path

import olmo_eval
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Capability, Instance, LMOutput
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.providers import Provider
from olmo_eval.sandbox import SandboxBackend, SandboxError


class Runs(AsyncScorer):
    name = "runs"
    requires = frozenset({"python"})

    async def score_async(self, instance, output, episode):
        return 1.0


@register("code")
class Code(Task):
    metrics = (AccuracyMetric(scorer=Runs),)

    @property
    def instances(self):
        yield Instance("Write a program.", "pass", metadata={"id": "p"})


class Loaded(Provider):
    capabilities = frozenset(Capability)

    async def start(self):
        Path("loaded").touch()

    async def generate(self, request, params):
        return [LMOutput("pass", finish_reason="stop")]


class Engine(SandboxBackend):
    async def start(self):
        if Path("off").exists():
            raise SandboxError("the engine does not answer", hint="start it")


@olmo_eval.hookimpl
def register_providers(register):
    register("loaded", Loaded)


@olmo_eval.hookimpl
def register_sandboxes(register):
    register("engine", Engine)
"""


@pytest.fixture
def run(bench: Any) -> Any:
    Path("acting.py").write_text(PLUGIN)

    def call(task: str) -> Any:
        return bench.cli(
            "run", "--plugin", "acting.py", "-m", "loaded:x", "-t", task, "--sandbox", "engine"
        )

    return call


def test_an_engine_that_does_not_answer_is_told_before_the_model_is_loaded(run: Any) -> None:
    Path("off").touch()

    failed = run("code")

    assert failed.code == 1
    assert failed.err.endswith("error: the engine does not answer\n  start it\n")
    assert not Path("loaded").exists()

    Path("off").unlink()
    assert run("code").code == 0


def test_a_run_that_needs_no_sandbox_asks_no_engine(run: Any) -> None:
    Path("off").touch()

    assert "the engine does not answer" not in run("sums").err
    assert Path("loaded").exists()
