"""Observers: told of each thing when it happens, of bad endings too, and harmless."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results.store import Run, open_run

TRACKER = """
import json
from pathlib import Path

import olmo_eval

log = Path("events.jsonl")


def note(*event):
    with log.open("a") as file:
        file.write(json.dumps(event) + "\\n")


@olmo_eval.hookimpl
def run_started(run):
    note("run_started", run["status"])


@olmo_eval.hookimpl
def instance_scored(task):
    note("instance_scored", task)


@olmo_eval.hookimpl
def task_finished(task, metrics):
    note("task_finished", task, metrics)


@olmo_eval.hookimpl
def run_finished(run, scores, location):
    intervals = [[s.name, s.ci_low, s.value, s.ci_high] for s in scores]
    note("run_finished", run["status"], run.get("error"), intervals, location)
"""

BROKEN = """
import sys
import olmo_eval


@olmo_eval.hookimpl
def run_started(run):
    raise ValueError("no tracker here")


@olmo_eval.hookimpl
def instance_scored(task):
    sys.exit(4)


@olmo_eval.hookimpl
def task_finished(task):
    raise RuntimeError("no idea")


@olmo_eval.hookimpl
def run_finished(run):
    sys.exit(5)
"""


@pytest.fixture
def tracker(bench: Any) -> str:
    (bench.folder / "tracker.py").write_text(TRACKER)
    return str(bench.folder / "tracker.py")


def events() -> list[list[Any]]:
    return [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]


def test_a_task_is_finished_with_its_last_instance(bench: Any, tracker: str) -> None:
    run: Run = bench.evaluate("sums", "prose", skill=0.5, plugin=[tracker])

    order = [event[:2] for event in events()]
    assert order.index(["task_finished", "sums"]) < order.index(["instance_scored", "prose"])
    assert order[0] == ["run_started", "running"] and order[-1] == ["run_finished", "complete"]
    told = {event[1]: event[2] for event in events() if event[0] == "task_finished"}
    scores = {(s.name, f"{s.metric}:{s.scorer}"): s.value for s in run.scores()}
    assert {(task, key): value for task in told for key, value in told[task].items()} == (
        pytest.approx(scores)
    )
    assert len(told["prose"]) == 2  # the other is an exponential of a mean


def test_the_end_of_a_run_comes_with_its_scores_and_where_it_is(bench: Any, tracker: str) -> None:
    run: Run = bench.evaluate("sums", "prose", skill=0.5, plugin=[tracker])

    *_, scores, location = events()[-1]
    assert scores == [[s.name, s.ci_low, s.value, s.ci_high] for s in run.scores()]
    assert len(scores) == 3 and open_run(location).run_id == run.run_id


def test_a_resumed_task_is_told_of_as_a_whole(bench: Any, tracker: str) -> None:
    slow = {"skill": 0.5, "latency": 0.2, "harness": {"max_concurrency": 4}}
    command = ("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.skill=0.5",
               "-o", "provider.kwargs.latency=0.2", "-o", "max_concurrency=4")  # fmt: skip
    process = bench.start(*command, "--plugin", tracker)
    while "sums: 40 instances" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert events()[-1][:2] == ["run_finished", "interrupted"]
    assert "task_finished" not in [event[0] for event in events()]

    run = bench.evaluate("sums", plugin=[tracker], **slow)

    told = [event[2] for event in events() if event[0] == "task_finished"]
    assert told == [{"accuracy:exact_match": pytest.approx(run.scores()[0].value)}]


def test_a_failed_run_is_told_of(bench: Any, tracker: str) -> None:
    with pytest.raises(OlmoEvalError):
        bench.evaluate("sums", faults={"fail": 1.0}, harness={"max_concurrency": 1},
                       plugin=[tracker])  # fmt: skip

    name, status, error, scores, location = events()[-1]
    assert (name, status) == ("run_finished", "failed")
    assert "requests in a row failed" in error
    assert scores == [] and open_run(location).status == "failed"


def test_an_incomplete_run_is_told_of(bench: Any, tracker: str) -> None:
    bench.evaluate("sums", faults={"fail": 0.2}, plugin=[tracker])

    assert events()[-1][:2] == ["run_finished", "incomplete"]


def test_observers_that_fail_are_named_and_harmless(bench: Any) -> None:
    (bench.folder / "broken.py").write_text(BROKEN)

    done = bench.cli("run", "--plugin", "broken.py", "-m", "mock", "-t", "sums", "--limit", "2")

    assert done.code == 0, done.err
    for said in (
        "run_started failed: ValueError: no tracker here",
        "instance_scored failed: called sys.exit(4)",
        "task_finished failed: RuntimeError: no idea",
        "run_finished failed: called sys.exit(5)",
    ):
        assert said in done.err
    assert done.err.count("plugin broken.py ") == 5
