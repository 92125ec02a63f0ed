"""`plan --effect`: what a difference takes, and afterwards how wrong that was."""

from __future__ import annotations

from typing import Any

import pytest


def many_sums(bench: Any, n: int = 400) -> None:
    bench.write(
        "sums/test.jsonl",
        [{"id": f"s{i}", "question": f"{i} plus 1?", "answer": str(i + 1)} for i in range(n)],
    )


def planned(bench: Any, *arguments: str) -> Any:
    printed = bench.cli("plan", "-m", "mock", *arguments, "--json")
    assert printed.code == 0, printed.err
    return printed.json[0]["effect"]


def test_questions_are_told_from_two_checkpoints_in_the_store(bench: Any) -> None:
    many_sums(bench)
    first = bench.evaluate("sums", skill=0.55, model="mock:one")
    second = bench.evaluate("sums", skill=0.6, model="mock:two")

    (told,) = planned(bench, "-t", "sums", "--effect", "0.1")

    differing = told["spread"]["discordance"]
    assert 0 < differing < 0.6
    assert first.run_id in told["source"] and second.run_id in told["source"]
    assert told["baseline"] == second.run_id
    assert told["planned_power"] >= 0.8 and told["questions"] <= told["available"] == 400
    shown = bench.cli("plan", "-m", "mock", "-t", "sums", "--effect", "0.1").out
    assert f"sums: --limit {told['questions']} is enough" in shown
    (larger,) = planned(bench, "-t", "sums", "--effect", "0.2")
    assert larger["questions"] < told["questions"]


def test_without_runs_it_is_assumed_and_said(bench: Any) -> None:
    (told,) = planned(bench, "-t", "sums", "--effect", "0.05")
    assert told["source"].startswith("assumed: 20%") and told["baseline"] is None
    assert told["questions"] > told["available"] == told["planned"] == 40
    shown = bench.cli("plan", "-m", "mock", "-t", "sums", "--effect", "0.05").out
    assert "all 40 questions find it with power" in shown
    assert "note: sums: only 40 questions, below 100" in shown


def test_afterwards_metrics_say_how_wrong_the_plan_was(bench: Any) -> None:
    many_sums(bench)
    bench.evaluate("sums", skill=0.5, model="mock:one")
    baseline = bench.evaluate("sums", skill=0.55, model="mock:two")
    (told,) = planned(bench, "-t", "sums", "--effect", "0.1")

    run = bench.evaluate("sums", skill=0.65, model="mock:three", limit=told["questions"])

    (check,) = bench.cli("results", "metrics", run.run_id, "--json").json["plans"]
    assert check["n"] == told["questions"] and check["baseline"] == baseline.run_id
    assert check["power_planned"] == pytest.approx(told["planned_power"])
    assert 0 < check["power"] <= 1
    line = bench.cli("results", "metrics", run.run_id).out.splitlines()[-1]
    assert line.startswith("plan: sums: to find 0.1 with") and "points" in line


def test_a_run_that_was_made_before_has_no_plan(bench: Any) -> None:
    run = bench.evaluate("sums")
    planned(bench, "-t", "sums", "--effect", "0.05")
    assert "plans" not in bench.cli("results", "metrics", run.run_id, "--json").json


def test_tasks_share_the_chance_of_a_false_finding(bench: Any) -> None:
    both = planned(bench, "-t", "sums", "-t", "pick", "--effect", "0.2")
    (alone,) = planned(bench, "-t", "sums", "--effect", "0.2")
    assert [one["alpha"] for one in both] == [0.025, 0.025]
    assert both[0]["questions"] > alone["questions"]


def test_weighted_scores_need_a_run_to_plan_by(bench: Any) -> None:
    bench.write(
        "prose/test.jsonl",
        [{"id": f"t{n}", "title": f"{n}.", "text": "word " * (n % 5 + 2)} for n in range(80)],
    )
    refused = bench.cli("plan", "-m", "mock", "-t", "prose", "--effect", "0.1")
    assert refused.code != 0 and "no run in the store says how much its scores vary" in refused.err
    bench.evaluate("prose", skill=0.3, model="mock:one")
    bench.evaluate("prose", skill=0.5, model="mock:two")
    (told,) = planned(bench, "-t", "prose", "--effect", "0.1")
    assert told["questions"] >= 1 and told["spread"]["discordance"] is None


@pytest.mark.parametrize("arguments", [["--effect", "0"], ["--against", "latest"]])
def test_what_says_nothing_is_refused(bench: Any, arguments: list[str]) -> None:
    assert bench.cli("plan", "-m", "mock", "-t", "sums", *arguments).code != 0
