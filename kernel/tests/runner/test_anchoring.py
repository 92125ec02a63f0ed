"""Runs of some questions that say what all would score, from an earlier run of all."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import compare, evaluate
from olmo_eval.errors import UsageError
from olmo_eval.results.store import Store


def many_sums(bench: Any, n: int = 300) -> None:
    bench.write(
        "sums/test.jsonl",
        [{"id": f"s{i}", "question": f"{i} plus 1?", "answer": str(i + 1)} for i in range(n)],
    )


def test_a_subset_is_anchored_on_an_earlier_run(bench: Any) -> None:
    many_sums(bench)
    before = bench.evaluate("sums", skill=0.5)

    run = bench.evaluate("sums", skill=0.6, limit=100, anchor=before)

    measured, estimated = run.scores()
    assert (measured.kind, measured.primary, measured.n_scored) == ("task", True, 100)
    assert (estimated.kind, estimated.primary) == ("anchored", False)
    assert (estimated.metric, estimated.n_scored) == ("anchored_accuracy", 100)
    told = run.record["anchored"]["sums"]
    assert (told["anchor"], told["asked"], told["questions"]) == (before.run_id, 100, 300)
    full = next(s for s in bench.evaluate("sums", skill=0.6).scores() if s.primary)
    assert told["ci_low"] <= full.value <= told["ci_high"]
    assert told["value"] == estimated.value != measured.value


def test_the_estimate_is_never_shown_as_the_score(bench: Any) -> None:
    many_sums(bench)
    before = bench.evaluate("sums", skill=0.5)
    run = bench.evaluate("sums", skill=0.6, limit=100, anchor=before.run_id, name="some")

    shown = bench.cli("results", "show", run.run_id).out
    listed = bench.cli("results", "list").out
    table = bench.cli("results", "table", "name=some").out

    assert "anchored_accuracy" in shown and "it is not the score of the run" in shown
    assert "sums (anchored estimate)" in listed
    measured = next(s for s in run.scores() if s.primary)
    assert f"{measured.value:.3f}" in table and "anchored" not in table
    notes = compare(before, run).notes
    assert any("estimates" in note and "both runs were asked" in note for note in notes)
    (scores,) = Store("results").primary_scores([run])
    assert [s.kind for s in scores] == ["task", "anchored"]
    verified = bench.cli("verify", run.run_id)
    assert verified.code == 0 and "as written" in verified.out


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "is asked whole"),
        ({"limit": 40, "overrides": ["max_tokens=3"]}, "it is no anchor: .*sampling differ"),
        ({"limit": 40, "against": "latest"}, "stops when decided cannot be anchored"),
    ],
)
def test_what_cannot_be_anchored_is_refused(
    bench: Any, settings: dict[str, Any], told: str
) -> None:
    before = bench.evaluate("sums")
    with pytest.raises(UsageError, match=told):
        evaluate("mock", "sums", anchor=before, name="other", **settings)


def test_a_run_of_some_questions_is_no_anchor(bench: Any) -> None:
    part = bench.evaluate("sums", limit=20)
    with pytest.raises(UsageError, match="was not asked every question"):
        evaluate("mock", "sums", limit=10, anchor=part)


def test_a_subset_that_is_too_small_has_no_estimate_and_says_so(bench: Any) -> None:
    before = bench.evaluate("sums")
    run = bench.evaluate("sums", limit=12, anchor=before)
    assert [s.kind for s in run.scores()] == ["task"]
    assert "no anchored estimate" in bench.cli("results", "show", run.run_id).out


def test_python_stops_when_decided_too(bench: Any) -> None:
    many_sums(bench)
    before = bench.evaluate("sums", skill=0.2)
    run = bench.evaluate("sums", skill=0.9, against=before, name="decided")
    assert run.record["decided"]["sums"]["verdict"] == "better than"
    assert run.task_record("sums")["n_expected"] < 300
