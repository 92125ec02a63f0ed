"""Logs of lm-evaluation-harness, written by it: see logs/README.md."""

import json
import shutil
from pathlib import Path

import pytest

from olmo_eval import compare
from olmo_eval.results.transcripts import transcripts


def results_of(folder: Path) -> dict:
    (path,) = folder.glob("results_*.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize("step", [200, 1000])
def test_every_score_is_that_of_the_log(desk, logs, step):
    (run,) = desk.take(logs / f"lm_eval/step{step}")

    told = {
        f"{task} {metric}:{filter_}": value
        for task, numbers in results_of(logs / f"lm_eval/step{step}")["results"].items()
        for key, value in numbers.items()
        for metric, comma, filter_ in [key.partition(",")]
        if comma and not metric.endswith("_stderr")
    }
    assert desk.values(run) == pytest.approx(told, rel=1e-12)
    assert len(told) == 7
    assert (run.model, run.facts.step, run.status) == (f"step{step}", step, "complete")
    assert not run.missing_tables()


def test_what_single_documents_have_no_value_of_stands_alone(desk, logs):
    (run,) = desk.take(logs / "lm_eval/step1000")

    scores = {f"{s.name} {s.metric}": s for s in run.scores()}
    assert scores["facts mcc"].stderr is None
    assert scores["facts acc"].stderr is not None
    assert not scores["prose word_perplexity"].higher_is_better
    assert scores["prose word_perplexity"].ci_low > 0
    marked = {m["metric"] for m in run.task_record("facts")["metrics"] if m.get("computed")}
    assert marked == {"mcc"}


def test_two_runs_are_compared_with_a_verdict(desk, logs):
    early, late = desk.take(logs / "lm_eval/step200", logs / "lm_eval/step1000")

    found = compare(early, late)

    rows = {row.name: row for row in found.tasks}
    assert rows["facts"].verdict.kind == "better"
    assert (rows["facts"].verdict.wins, rows["facts"].verdict.losses) == (7, 0)
    assert rows["sums"].verdict.kind == "undecided"  # by its first filter no answer is right


def test_another_filter_may_stand_for_the_task(desk, logs):
    runs = desk.take(
        logs / "lm_eval/step200", logs / "lm_eval/step1000", "--primary", "exact_match:number"
    )

    (row,) = compare(*runs, tasks=["sums"]).tasks

    assert (row.score_a, row.score_b, row.verdict.kind) == (0.0, 1.0, "better")


def test_questions_answers_and_what_filters_made_of_them_are_kept(desk, logs):
    (run,) = desk.take(logs / "lm_eval/step1000")

    (first, *_) = transcripts(run, "sums")
    assert first.question.startswith("What is ")
    assert first.messages[0]["content"].startswith("Question: What is")
    assert first.answer == first.text
    assert set(first.evidence["filtered"]) == {"strict", "number"}
    assert first.scores == {"strict": 0.0, "number": 1.0}
    (facts, *_) = transcripts(run, "facts")
    assert len(facts.continuations) == 4
    best = max(facts.continuations, key=lambda c: c.sum_logprob)
    assert best.text.strip() == facts.gold


def test_the_same_log_is_imported_once(desk, logs):
    (first,) = desk.take(logs / "lm_eval/step200")

    assert "imported before" in desk.cli("results", "import", logs / "lm_eval/step200")
    assert [first] == desk.take(logs / "lm_eval/step200")
    (again,) = desk.take(logs / "lm_eval/step200", "--fresh")
    assert again != first and desk.values(again) == desk.values(first)


def test_the_lock_says_what_was_asked_and_where_it_is_from(desk, logs, tmp_path):
    (run,) = desk.take(logs / "lm_eval/step200")
    lock = run.record["lock"]
    assert lock["tasks"]["sums"]["sampling"]["max_gen_toks"] == 8
    assert lock["source"]["program"] == "lm_eval" and lock["source"]["version"] == "0.4.13"
    assert len(lock["source"]["files"]) == 4

    shutil.copytree(logs / "lm_eval/step1000", tmp_path / "other")
    (path,) = (tmp_path / "other").glob("results_*.json")
    path.write_text(path.read_text().replace('"max_gen_toks": 8', '"max_gen_toks": 9'))
    (other,) = desk.take(tmp_path / "other")

    code, _, err = desk.ended("compare", run.run_id, other.run_id)
    assert code == 2 and "sums: sampling differ" in err


def test_a_task_without_samples_has_its_scores_and_no_instances(desk, logs, tmp_path):
    shutil.copytree(logs / "lm_eval/step200", tmp_path / "log")
    for path in (tmp_path / "log").glob("samples_facts_*"):
        path.unlink()

    printed = desk.cli("results", "import", tmp_path / "log")

    assert "tasks without samples" in printed
    (run,) = desk.take(tmp_path / "log")
    assert desk.values(run)["facts acc:none"] == pytest.approx(5 / 12)
    code, _, err = desk.ended("compare", run.run_id, run.run_id, "-t", "facts")
    assert code == 2 and "cannot be paired" in err


def test_a_broken_line_is_named_and_nothing_is_left(desk, logs, tmp_path):
    shutil.copytree(logs / "lm_eval/step200", tmp_path / "log")
    (path,) = (tmp_path / "log").glob("samples_facts_*")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "{oops", *lines[4:]]))

    code, _, err = desk.ended("results", "import", tmp_path / "log")

    assert code == 1 and f"{path}, line 4 is no JSON" in err
    assert desk.cli("results", "list").startswith("no runs")


def test_an_imported_run_is_not_scored_again_here(desk, logs):
    (run,) = desk.take(logs / "lm_eval/step200")

    code, _, err = desk.ended("rescore", run.run_id)

    assert code == 2 and "made and scored by another program" in err
