"""Inspect itself, on the tiny model and on a scripted one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.run import Run
from olmo_eval.results.store import Store

pytestmark = pytest.mark.engine

TASKS = """
import json
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes, match, model_graded_qa
from inspect_ai.solver import Generate, TaskState, generate, solver, use_tools
from inspect_ai.tool import tool

def samples(n):
    rows = [json.loads(line) for line in open("{folder}/tasks/sums.jsonl")][:n]
    return [Sample(id=r["id"], input=r["question"], target=r["answer"]) for r in rows]

@task
def sums(n: int = 24):
    asked = generate(max_tokens=8, stop_seqs=["\\n"], temperature=0.0)
    return Task(dataset=samples(n), solver=asked, scorer=[match(), includes()])

@tool
def add():
    async def execute(a: int, b: int) -> int:
        \"\"\"Add two numbers.

        Args:
            a: the first
            b: the second
        \"\"\"
        return a + b
    return execute

@task
def tools():
    return Task(dataset=samples(2), solver=[use_tools(add()), generate()], scorer=includes())

@solver
def fails_on_the_first():
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.sample_id == "sum-0":
            raise RuntimeError("the solver broke")
        return await generate(state)
    return solve

@task
def broken():
    return Task(dataset=samples(4), solver=fails_on_the_first(), scorer=includes())

@task
def graded():
    return Task(dataset=samples(2), solver=generate(), scorer=model_graded_qa(model=None))
"""


@pytest.fixture
def tasks(folder: Any, sums: Any, needs: Callable[[str], None]) -> str:
    needs("inspect_ai")
    needs("aiohttp")
    return str(folder.write("tasks.py", TASKS.replace("{folder}", str(folder.path))))


def the_run(folder: Any) -> Run:
    (found,) = Store(str(folder.path / "results")).runs()
    return found


def rows(run: Run) -> list[dict[str, Any]]:
    (name,) = run.task_names
    found: list[dict[str, Any]] = run.instances(name).to_pylist()
    return found


def test_two_checkpoints_are_compared_sample_by_sample(
    folder: Any, tasks: str, checkpoints: Path
) -> None:
    for step in ("step200", "step1000"):
        done = folder.run(
            "inspect", checkpoints / step, "-a", f"task={tasks}@sums", "-a", "task_args=n=12",
            "--name", step, "--provider", "embedded",
        )  # fmt: skip
        assert done.code == 0, done.err

    compared = folder.cli("compare", "name=step200", "name=step1000", "--json")

    (row,) = compared.json["tasks"]
    assert (row["name"], row["metric"]) == ("inspect:sums", "match/accuracy")
    assert (row["verdict"]["kind"], row["score_b"]) == ("better", 1.0)
    last = max(Store(str(folder.path / "results")).runs(), key=lambda run: run.run_id)
    assert "12 instances" in done.err
    first = rows(last)[0]
    assert (first["instance_id"], first["question"], first["gold"]) == (
        "sum-0", "What is 11 + 20?", "31",
    )  # fmt: skip
    assert set(first["values"]) == {"match/accuracy:external", "includes/accuracy:external"}
    assert list((Path(last.location) / "external/logs").glob("*.eval"))


def test_tool_calls_reach_the_model_and_stand_in_the_record(folder: Any, tasks: str) -> None:
    call = {"name": "add", "arguments": {"a": 11, "b": 20}}
    replies = json.dumps([{"tool_calls": [call]}, {"text": "It is 31, or 43."}])

    done = folder.run(
        "inspect", "mock", "-a", f"task={tasks}@tools", "-o", f"provider.kwargs.replies={replies}"
    )

    assert done.code == 0, done.err
    run = the_run(folder)
    assert [row["values"]["accuracy:external"] for row in rows(run)] == [1.0, 0.0]
    turns = [turn for turn in run.turns("inspect:tools") if turn["instance_id"] == "sum-0"]
    assert [turn["type"] for turn in turns] == [
        "message", "message", "tool_call", "tool_result", "message",
    ]  # fmt: skip
    asked = (Path(run.location) / "requests.jsonl").read_text().splitlines()
    assert json.loads(json.loads(asked[0])["request"]["tools"])[0]["function"]["name"] == "add"


def test_a_sample_that_failed_is_missing_and_not_wrong(folder: Any, tasks: str) -> None:
    done = folder.run("inspect", "mock", "-a", f"task={tasks}@broken")

    assert done.code == 1
    assert "25.0% of the instances have no score" in done.err
    run = the_run(folder)
    failed = [(row["outcome"], row["error"]) for row in rows(run) if row["instance_id"] == "sum-0"]
    assert failed == [("infra_failed", "RuntimeError('the solver broke')")]
    (score,) = run.scores()
    assert (score.n_scored, score.n_expected) == (3, 4)


def test_a_grader_is_another_model_of_the_harness(folder: Any, tasks: str) -> None:
    arguments = ("-a", f"task={tasks}@graded", "-a", "grader=judge")
    judge = (
        "-o", "auxiliary_providers.judge.kind=mock", "-o", "auxiliary_providers.judge.model=j",
        "-o", "auxiliary_providers.judge.kwargs.text=GRADE: C",
    )  # fmt: skip

    refused = folder.run("inspect", "mock", *arguments)
    done = folder.run("inspect", "mock", *arguments, *judge)

    assert refused.code == 2
    assert "judge" in refused.err
    assert done.code == 0, done.err
    assert the_run(folder).scores()[0].value == 1.0


def test_a_file_that_is_not_there_is_refused_before_the_start(folder: Any, tasks: str) -> None:
    done = folder.run("inspect", "mock", "-a", "task=no.py")

    assert (done.code, "there is no no.py" in done.err) == (2, True)
