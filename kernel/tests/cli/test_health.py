"""A run says how it is, and shows the instances that are not well."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from olmo_eval.results.health import NAMES


@pytest.fixture
def told(bench: Any) -> None:
    """Answers that all differ, so that the mock's one text does not say the same of everything."""
    bench.write("sums/test.jsonl", [
        {"id": f"s{n}", "question": f"{n} plus 1?", "answer": str(n + 1)} for n in range(40)
    ])  # fmt: skip


def run(bench: Any, *more: object, skill: float = 1.0) -> Any:
    return bench.cli("run", "-m", "mock", "-o", f"provider.kwargs.skill={skill}", *more)


def test_that_all_is_well_is_one_line(bench: Any, told: None) -> None:
    done = run(bench, "-t", "sums", "-t", "pick", "--strict")

    assert done.code == 0
    assert [line for line in done.out.splitlines() if "health" in line] == [
        "health: nothing unusual in 70 instances"
    ]
    assert done.out.count("results instances") == 0


def test_what_is_unusual_comes_with_the_command_that_shows_it(bench: Any, told: None) -> None:
    done = run(bench, "-t", "sums", "-t", "pick", skill=0.2)

    lines = done.out.splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.startswith("health:"))
    assert lines[at].startswith("health: the same answer again and again: sums 3")
    command = shlex.split(lines[at + 1])
    assert done.code == 0
    shown = bench.cli(*command[1:], "-n", 2)
    assert shown.code == 0
    assert shown.out.startswith("sums: 3")
    assert shown.out.count("answer    The answer is 42.") == 2
    assert shown.out.count("received  Q: ") == 2


def test_strictly_it_is_an_error(bench: Any, told: None) -> None:
    for command in (("run", "-m", "mock", "-t", "sums"), ("rescore", "latest")):
        assert bench.cli(*command).code == 0
        done = bench.cli(*command, "--strict")
        assert done.code == 1
        assert "error: unusual health in sums (--strict)" in done.err


def test_a_prompt_that_lost_its_question_is_found(bench: Any) -> None:
    done = run(bench, "-t", "sums", "-o", "formatter.template=Q: {qestion}", skill=0.5)

    told = "sums[formatter.template=Q: {qestion}] 40 of 40"
    assert f"health: the same prompt for different questions: {told}" in done.out
    shown = bench.cli("results", "instances", "latest", "--only", "identical_prompts", "-n", 1)
    assert "received  Q: {qestion}" in shown.out


def test_the_record_and_json_hold_the_counts(bench: Any, told: None) -> None:
    (made,) = run(bench, "-t", "sums", "--json", skill=0.0).json

    assert made["health"]["sums"] == {
        "instances": 40, "answered": 40, "identical": 40, "unusual": ["identical"],
    }  # fmt: skip
    shown = bench.cli("results", "instances", made["run_id"], "--json", "--only", "identical")
    assert [one["instance_id"] for one in shown.json] == [f"s{n}" for n in range(40)]
    assert shown.json[0]["task"] == "sums"
    assert shown.json[0]["received"] == "Q: 0 plus 1?\nA:"


def test_instances_are_counted_and_shown_by_the_same_rule(bench: Any) -> None:
    faults = {"truncate": 0.2, "garbage": 0.2, "refuse": 0.2, "fail": 0.1}
    made = bench.evaluate("sums", "pick", skill=0.5, faults=faults)

    for name in NAMES:
        listed = bench.cli("results", "instances", made.run_id, "--only", name, "--json").json
        for entry in made.record["tasks"]:
            of_task = [one for one in listed if one["task"] == entry["name"]]
            assert len(of_task) == entry["health"].get(name, 0)


def test_without_a_measure_instances_are_simply_shown(bench: Any, told: None) -> None:
    made = bench.evaluate("pick", skill=1.0)

    shown = bench.cli("results", "instances", made.run_id, "-n", 1)
    assert shown.out.startswith("pick: 30 instances, the first 1\n")
    assert "    answer    A (-0.00" in shown.out
    none = bench.cli("results", "instances", made.run_id, "--only", "ties")
    assert none.out == f"no instance of {made.run_id} is counted as ties\n"


def test_answers_without_a_request_are_shown_too(bench: Any, told: None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = bench.evaluate("sums", skill=1.0)
    path = bench.folder / made.location / "answers/sums.parquet"
    table = pq.read_table(path)
    rows = [{**row, "request": None, "outputs": [{"text": None}]} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)

    listed = bench.cli("results", "instances", made.run_id, "--only", "empty", "-n", 1)
    assert listed.code == 0
    assert listed.out.startswith("sums: 40 instances, empty answers, the first 1")


def test_runs_made_before_there_was_any_show_nothing(bench: Any, told: None) -> None:
    made = bench.evaluate("sums", skill=0.0)
    path = bench.folder / made.location / "lock.json"
    record = json.loads(path.read_text())
    for entry in record["tasks"]:
        del entry["health"]
        for metric in entry["metrics"]:
            del metric["needs_unconditional"]
    path.write_text(json.dumps(record))

    shown = bench.cli("results", "show", made.run_id)
    assert shown.code == 0
    assert "health" not in shown.out
    listed = bench.cli("results", "instances", made.run_id, "--only", "identical")
    assert listed.out.startswith("sums: 40 instances")


def test_of_very_many_tasks_the_first_are_named(bench: Any, told: None) -> None:
    tasks = [w for n in range(1, 12) for w in ("-t", "sums", "-o", f"limit={n + 20}")]
    done = run(bench, "-o", "provider.kwargs.faults.truncate=1", *tasks)

    assert done.code == 0, (done.out, done.err)
    lines = done.out.splitlines()
    empty = next(line for line in lines if line.startswith("health: empty answers"))
    ended = [line for line in lines if line.startswith("outcomes of")]
    assert empty.endswith(" and 3 more") and empty.count("sums") == 8
    assert len(ended) == 9
    assert ended[-1].startswith("outcomes of 3 more tasks: ")
