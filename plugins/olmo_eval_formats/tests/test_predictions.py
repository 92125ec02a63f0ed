"""Predictions of the published system, in the layout that it documents."""

import json

import pytest

from olmo_eval.results.transcripts import transcripts


def test_a_model_s_predictions_are_a_run_with_the_scores_of_metrics_json(desk, logs):
    (run,) = desk.take(logs / "predictions")

    told = json.loads((logs / "predictions/metrics.json").read_text())
    expected = {
        f"{task['task']} {metric}:{scorer}": value
        for task in told["tasks"]
        for metric, by_scorer in task["metrics"].items()
        for scorer, value in by_scorer.items()
    }
    assert desk.values(run) == pytest.approx(expected)
    assert (run.model, run.facts.step, run.facts.group) == (
        "checkpoints/tiny-step600", 600, "tiny"
    )  # fmt: skip
    assert set(run.task_names) == {"sums:cot", "facts"}
    directions = {m["metric"]: m["higher_is_better"] for m in run.task_record("facts")["metrics"]}
    assert directions == {"acc_raw": True, "bits_per_byte": False}


def test_an_item_that_vanished_is_missing_and_never_a_score(desk, logs):
    """metrics.json counts three questions, and there are predictions of two."""
    (run,) = desk.take(logs / "predictions")

    scores = {s.name: s for s in run.scores() if s.primary}
    assert (scores["facts"].n_scored, scores["facts"].n_expected) == (2, 3)
    assert run.status == "incomplete"


def test_what_was_asked_is_taken_from_the_requests(desk, logs):
    (run,) = desk.take(logs / "predictions")

    (sum_,) = transcripts(run, "sums:cot", ["sum-3"])
    assert sum_.messages[0]["content"] == "Question: What is 45 + 18?\nAnswer:"
    assert (sum_.gold, sum_.text, sum_.answer) == ("63", "sixty-three", None)
    (fact,) = transcripts(run, "facts", ["fact-1"])
    assert [c.text for c in fact.continuations] == [" purple", " blue", " white"]
    assert (fact.gold, fact.continuations[1].sum_logprob) == ("white", -2.5)


def test_predictions_alone_will_do(desk, logs, tmp_path):
    source = logs / "predictions/predictions/tiny-step600/sums_cot_9f8e7d-predictions.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows:  # as oe-eval writes them
        row["metrics"] = {"exact_match": row.pop("instance_metrics")["accuracy"]["exact_match"]}
    alone = tmp_path / "sums-predictions.jsonl"
    alone.write_text("".join(json.dumps(row) + "\n" for row in rows))

    printed = desk.cli("results", "import", alone, "--model", "tiny")

    assert "what was asked is not known" in printed
    (run,) = desk.take(alone, "--model", "tiny")
    assert desk.values(run) == {"sums exact_match:oe_eval": 0.5}
