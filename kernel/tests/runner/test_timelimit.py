"""Scorers, extraction, metrics and hooks that never return, or that end the process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate
from olmo_eval.errors import OlmoEvalError, PluginError
from olmo_eval.results.store import Run

PLUGIN = '''
import re
import signal
import sys
import time

import anyio
from attrs import frozen

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer, ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task, register


class Escape(BaseException):
    pass


def loop():
    while True:
        pass


def stubborn():
    while True:
        try:
            loop()
        except Exception:
            pass


def escape():
    raise Escape("gone")


TROUBLE = {
    "loop": loop,
    "stubborn": stubborn,
    "backtracking": lambda: re.fullmatch("(a+)+b", "a" * 40),
    "sleep": lambda: time.sleep(1000),
    "exit": lambda: sys.exit(3),
    "escape": escape,
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
}


def trouble(instance):
    """Only the fourth instance makes trouble, of the kind that its task is named for."""
    kind = instance.metadata["trouble"]
    if instance.metadata["id"] == "3" and kind in TROUBLE:
        TROUBLE[kind]()


@frozen
class Troubled(Scorer):
    name = "troubled"

    def score(self, instance, output):
        trouble(instance)
        return 1.0


@frozen
class InThread(Troubled):
    cpu_bound = True


@frozen
class Alarmed(Troubled):
    def score(self, instance, output):
        if instance.metadata["id"] != "3":
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(9)
            signal.alarm(0)
        return super().score(instance, output)


@frozen
class Async(AsyncScorer):
    name = "async"

    async def score_async(self, instance, output, context):
        if instance.metadata["trouble"] == "sleep" and instance.metadata["id"] == "3":
            await anyio.sleep(1000)
        trouble(instance)
        return 1.0


@frozen
class TroubledMetric(AccuracyMetric):
    name = "troubled"

    def value(self, response):
        trouble(response.instance)
        return 1.0


class Trouble(Task):
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=Troubled),)

    @property
    def instances(self):
        kind = self.config.name.rpartition("_")[2]
        for i in range(6):
            yield Instance(f"{i}?", str(i), metadata={"id": str(i), "trouble": kind})


class Extraction(Trouble):
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def extract_answer(self, output):
        if output.text.startswith("3"):
            TROUBLE[self.config.name.rpartition("_")[2]]()
        return output.text


class Hook(Trouble):
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def format_request(self, instance):
        trouble(instance)
        return super().format_request(instance)


PLACES = {
    "scorer": Trouble,
    "thread": type("T", (Trouble,), {"metrics": (AccuracyMetric(scorer=InThread),)}),
    "alarmed": type("L", (Trouble,), {"metrics": (AccuracyMetric(scorer=Alarmed),)}),
    "async": type("A", (Trouble,), {"metrics": (AccuracyMetric(scorer=Async),)}),
    "metric": type("M", (Trouble,), {"metrics": (TroubledMetric(scorer=ExactMatchScorer),)}),
    "extraction": Extraction,
    "hook": Hook,
}
for place, base in PLACES.items():
    for kind in (*TROUBLE, "none"):
        register(f"{place}_{kind}")(type(f"{place}{kind}", (base,), {}))
'''

EXITS = """
import sys
import anyio
import olmo_eval
from olmo_eval.providers import Capability, Provider


class Exits(Provider):
    capabilities = frozenset(Capability)

    async def leave(self):
        await anyio.sleep(0.01)
        sys.exit(0)

    async def generate(self, request, params):
        async with anyio.create_task_group() as group:
            group.start_soon(self.leave)
            await anyio.sleep(10)


@olmo_eval.hookimpl
def register_providers(register):
    register("exits", Exits)
"""

SECONDS = 0.15


@pytest.fixture
def troubled(bench: Any) -> Callable[[str], Run]:
    """Runs a task of the plugin whose fourth instance makes trouble, and gives the run."""
    plugin = bench.folder / "trouble.py"
    plugin.write_text(PLUGIN)

    def run(task: str, **settings: Any) -> Run:
        provider = {"kwargs": {"skill": 1.0}}
        harness = {"scoring_timeout": SECONDS, "provider": provider, **settings}
        return evaluate("mock", task, harness=harness, plugin=[str(plugin)])

    return run


def failures(run: Run, task: str) -> dict[str, str]:
    rows = run.instances(task).to_pylist()
    return {r["instance_id"]: r["error"] for r in rows if r["outcome"] == "scorer_failed"}


SLOW = f"took longer than {SECONDS:g} s"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("scorer_loop", f"troubled: {SLOW}"),
        ("scorer_stubborn", f"troubled: {SLOW}"),
        ("scorer_backtracking", f"troubled: {SLOW}"),
        ("scorer_sleep", f"troubled: {SLOW}"),
        ("scorer_exit", "troubled: called sys.exit(3)"),
        ("scorer_escape", "troubled: raised Escape: gone"),
        ("thread_loop", f"troubled: {SLOW}"),
        ("thread_stubborn", f"troubled: {SLOW}"),
        ("thread_exit", "troubled: called sys.exit(3)"),
        ("async_sleep", f"async: {SLOW}"),
        ("async_exit", "async: called sys.exit(3)"),
        ("async_escape", "async: raised Escape: gone"),
        ("extraction_loop", f"extraction: {SLOW}"),
        ("extraction_exit", "extraction: called sys.exit(3)"),
        ("metric_backtracking", f"metrics: {SLOW}"),
        ("metric_exit", "troubled: called sys.exit(3)"),
        ("metric_escape", "metrics: raised Escape: gone"),
    ],
)
def test_it_is_a_failure_of_one_instance(
    troubled: Callable[[str], Run], task: str, reason: str
) -> None:
    run = troubled(task)

    assert failures(run, task) == {"3": reason}
    (score,) = run.scores()
    assert (score.n_scored, score.n_expected) == (5, 6)


def test_a_thread_that_cannot_be_stopped_is_left_behind(bench: Any) -> None:
    """``time.sleep`` in a thread hears nothing; the run, and the process, end all the same."""
    (bench.folder / "trouble.py").write_text(PLUGIN)
    limit = ("-o", f"scoring_timeout={SECONDS}", "--fail-if-missing", "50")

    done = bench.command(
        "run", "--plugin", "trouble.py", "-m", "mock", "-t", "thread_sleep", *limit
    )

    assert done.code == 0, done.err
    assert f"1 scorer_failed (troubled: {SLOW})" in done.out


@pytest.mark.parametrize("task", ["scorer_loop", "scorer_sleep", "metric_loop", "scorer_exit"])
def test_off_the_main_thread_too(troubled: Callable[[str], Run], task: str) -> None:
    """As in a notebook, where no signal reaches the run."""
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(troubled(task)))
    thread.start()
    thread.join()

    assert list(failures(found[0], task)) == ["3"]


def test_a_scorer_that_uses_the_alarm_itself_takes_no_limit_away(
    troubled: Callable[[str], Run],
) -> None:
    run = troubled("alarmed_loop", max_concurrency=1)

    assert failures(run, "alarmed_loop") == {"3": f"troubled: {SLOW}"}


def test_a_ctrl_c_is_no_failure_of_a_scorer(troubled: Callable[[str], Run]) -> None:
    with pytest.raises(OlmoEvalError) as stopped:
        troubled("scorer_interrupt")

    assert stopped.value.exit_code == 130


def test_sys_exit_in_a_hook_ends_the_run_with_an_error(
    bench: Any, troubled: Callable[[str], Run]
) -> None:
    with pytest.raises(PluginError, match=r"called sys\.exit\(3\) \(trouble\.py:\d+\)"):
        troubled("hook_exit")

    record = json.loads(next(Path("results/runs").glob("2*/run.json")).read_text())
    assert record["status"] == "failed"
    assert "called sys.exit(3)" in record["error"]


def test_sys_exit_in_a_task_of_somebody_else_ends_the_run_with_an_error(bench: Any) -> None:
    """Out of a task that a provider started, it stops the event loop under everybody."""
    (bench.folder / "exits.py").write_text(EXITS)

    done = bench.command("run", "--plugin", "exits.py", "-m", "exits:x", "-t", "sums")

    assert done.code == 1
    assert "exits.py:13 called sys.exit(0) in the middle of the run" in done.err


def test_the_limit_is_part_of_how_a_run_was_scored(troubled: Callable[[str], Run]) -> None:
    run = troubled("scorer_none")

    assert run.record["lock"]["harness"]["scoring_timeout"] == SECONDS
    assert "scoring_timeout" not in evaluate("mock", "sums").record["lock"]["harness"]
