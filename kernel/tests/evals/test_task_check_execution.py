"""``olmo-eval task check`` where solutions are carried out: in which sandbox, and if in none."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.cli.main import main

TASKS = """
import olmo_eval
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance
from olmo_eval.evals.suites import Suite, register as register_suite
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.sandbox import Sandbox, SandboxBackend, SandboxError


class Left(AsyncScorer):
    name = "left"
    requires = frozenset({"bash"})
    inspects_environment = True

    async def score_async(self, instance, output, episode):
        try:
            await (await episode.sandbox("bash")).read("done")
        except FileNotFoundError:
            return 0.0
        return 1.0


@register("chores")
class Chores(Task):
    metrics = (AccuracyMetric(scorer=Left),)

    @property
    def instances(self):
        yield Instance("Make the file done", metadata={"id": "c"})

    async def solve(self, episode):
        await (await episode.sandbox("bash")).write("done", b"x")
        return "I did."


@register("other_chores")
class OtherChores(Chores):
    pass


register_suite(Suite("housework", ("chores", "other_chores")))


class Files(Sandbox):
    def __init__(self):
        self.files = {}

    async def write(self, path, data):
        self.files[path] = data

    async def read(self, path):
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    async def close(self):
        pass


class Engine(SandboxBackend):
    automatic = True

    async def create(self, run_id, spec=None):
        return Files()


class Named(Engine):
    automatic = False


class Off(Engine):
    async def start(self):
        raise SandboxError("nobody answers", hint="start the service")


@olmo_eval.hookimpl
def register_sandboxes(register):
    register("an_engine", {first})
    register("by_name", Named)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("DOCKER_HOST", "CONTAINER_HOST"):  # this machine's engines stay out of it
        monkeypatch.setenv(variable, f"unix://{tmp_path}/nobody")
    return tmp_path / "housework_tasks.py"


def check(plugin: Path, *arguments: str, first: str = "Engine") -> int:
    plugin.write_text(TASKS.replace("{first}", first))
    with pytest.raises(SystemExit) as end:
        main(["task", "check", *arguments, "--plugin", str(plugin)])
    return int(end.value.code or 0)


def test_the_engine_that_answers_is_taken_and_named(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(plugin, "chores", "--strict") == 0

    told = capsys.readouterr()
    assert "1 solution carried out and scored in an_engine, and 1 agent" in told.out
    assert "not checked" not in told.out
    assert "carried out in an_engine, which answers; --sandbox NAME chooses another" in told.err


def test_the_sandbox_that_is_named_is_taken(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for chosen in (("--sandbox", "by_name"), ("-o", "sandboxes.0.mode=by_name")):
        assert check(plugin, "chores", *chosen, "--strict", first="Off") == 0
        assert "carried out and scored in by_name" in capsys.readouterr().out


def test_what_could_not_be_carried_out_is_a_warning_with_the_way_out(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(plugin, "chores", first="Off") == 0
    told = capsys.readouterr()
    assert "solutions were not carried out: no container engine answers (an_engine" in told.out
    assert "note: nobody answers (start the service)" in told.err

    assert check(plugin, "chores", "--strict", first="Off") == 1


def test_a_suite_stands_for_its_tasks(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(plugin, "housework", "chores") == 0

    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "2 specs: 2 ok"
    assert told.err.count("which answers") == 1


def test_among_all_tasks_nothing_is_carried_out_unasked(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(plugin, "--all", "-f", "chores")

    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "solutions of 2 tasks were not carried out: add --sandbox NAME"


def test_an_unknown_sandbox_is_refused_before_anything_is_checked(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(plugin, "chores", "--sandbox", "by_nam") == 2

    told = capsys.readouterr()
    assert "did you mean by_name?" in told.err and not told.out
