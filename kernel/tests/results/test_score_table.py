"""Scores task by step, the baseline of a comparison, and what a query never takes for a run."""

from __future__ import annotations

import csv
import io
from typing import Any
from xml.etree import ElementTree

import pytest

from olmo_eval import compare
from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results import Run, Store
from olmo_eval.results.baseline import choose_baseline, set_baseline
from olmo_eval.results.score_table import score_table


def by_step(bench: Any, steps: dict[int, float], *tasks: str, **settings: Any) -> list[Run]:
    """A run a checkpoint: its step, and how much of the answers it gets right."""
    return [
        bench.evaluate(*tasks, model=f"mock:run/step{s}", skill=k, group="g", step=s, **settings)
        for s, k in steps.items()
    ]


@pytest.fixture
def runs(bench: Any) -> list[Run]:
    """Three checkpoints, the last of them evaluated first."""
    return by_step(bench, {1000: 0.6, 200: 0.2, 600: 0.95}, "sums", "pick")


def test_rows_are_tasks_and_columns_checkpoints_in_order(runs: list[Run]) -> None:
    found = score_table(Store("results"), runs)

    assert found.steps == (200, 600, 1000)
    assert [row.name for row in found.rows] == ["sums", "pick"]
    for row in found.rows:
        expected = [
            next(s.value for s in runs[i].scores() if s.name == row.name) for i in (1, 2, 0)
        ]
        assert [cell.score.value for cell in row.cells if cell] == expected
    assert len(found.rows[0].sparkline()) == 3 and found.notes == ()


def test_a_checkpoint_that_was_asked_otherwise_is_left_out(bench: Any, runs: list[Run]) -> None:
    bench.edit("sums/test.jsonl", lambda rows: rows[:-1])
    (changed,) = by_step(bench, {1200: 0.5}, "sums", "pick")

    found = score_table(Store("results"), [*runs, changed])

    sums, pick = found.rows
    assert [cell is not None for cell in sums.cells] == [False, False, False, True]
    assert None not in pick.cells
    assert sum("is left out: data" in note for note in found.notes) == 3


def test_what_is_missing_is_no_score(bench: Any) -> None:
    runs = by_step(bench, {1: 0.5}, "sums", faults={"fail": 0.2}) + by_step(bench, {2: 0.5}, "pick")

    found = score_table(Store("results"), runs)

    assert [[cell is not None for cell in row.cells] for row in found.rows] == [
        [True, False],
        [False, True],
    ]
    assert any("only" in note and "of 40 have a score" in note for note in found.notes)
    with pytest.raises(UnknownNameError, match="none of these runs has smus"):
        score_table(Store("results"), runs, ["smus"])


def test_the_table_is_printed_in_every_format(bench: Any, runs: list[Run]) -> None:
    plain = bench.cli("results", "table", "group=g").out
    markdown = bench.cli("results", "table", "group=g", "--markdown").out
    flat = bench.cli("results", "table", "group=g", "-t", "sums", "--csv").out
    as_json = bench.cli("results", "table", "group=g", "--json").json

    (score,) = [s for s in runs[1].scores() if s.name == "sums"]
    cell = f"{score.value:.3f} [{score.ci_low:.3f}, {score.ci_high:.3f}]"
    assert cell in plain and cell in markdown and "step 1,000" in plain
    rows = list(csv.DictReader(io.StringIO(flat)))
    assert [row["step"] for row in rows] == ["200", "600", "1000"]
    assert float(rows[0]["value"]) == score.value
    assert len(as_json["scores"]) == 6


def test_a_rescored_run_never_stands_for_its_run(bench: Any, runs: list[Run]) -> None:
    bench.cli("rescore", runs[0].run_id, "--name", "again")
    store = Store("results")

    assert store.find("group=g,step=1000,latest").run_id == runs[0].run_id
    assert store.find("kind=rescore").facts.kind == "rescore"
    with pytest.raises(UnknownNameError) as unknown:
        store.find("name=again")
    assert "name=again,kind=rescore" in str(unknown.value.hint)
    assert store.find("name=again,kind=rescore").facts.kind == "rescore"


def test_a_run_is_compared_with_the_checkpoint_before_it(runs: list[Run]) -> None:
    late, first, middle = runs
    store = Store("results")

    assert choose_baseline(store, late).run == middle
    assert choose_baseline(store, middle).run == first
    with pytest.raises(UsageError, match="before step 200"):
        choose_baseline(store, first)


def test_the_best_is_that_of_the_highest_ranks(runs: list[Run]) -> None:
    late, first, middle = runs
    store = Store("results")

    assert choose_baseline(store, first, "best", ["sums"]).run == middle
    assert choose_baseline(store, middle, "best").run == late
    assert "2 checkpoints of group g" in choose_baseline(store, middle, "best").why


def test_a_baseline_that_was_set_goes_first(bench: Any, runs: list[Run]) -> None:
    late, first, middle = runs
    store = Store("results")
    set_baseline("results", middle.run_id)
    set_baseline("results", first.run_id, "g")

    assert choose_baseline(store, late).run == first
    assert choose_baseline(store, late, "previous").run == middle
    assert bench.cli("compare", "step=1000,latest").out.count(first.run_id) == 1
    assert "is a baseline" in bench.cli("results", "prune", "--group", "g").out
    bench.cli("baseline", "clear", "--group", "g")
    assert "the baseline that was set for the store" in choose_baseline(store, late).why


def test_a_group_alone_compares_all_of_its_runs(bench: Any, runs: list[Run]) -> None:
    out = bench.cli("compare", "group=g").out

    order = [out.index(run.run_id) for run in (runs[1], runs[2], runs[0])]
    assert order == sorted(order)
    for run in runs:
        assert all(f"{score.value:.4f}" in out for score in run.scores() if score.primary)


def test_a_comparison_prints_what_the_command_prints(bench: Any, runs: list[Run]) -> None:
    found = compare(runs[1], runs[0])

    assert f"{found}\n" == bench.cli("compare", runs[1].run_id, runs[0].run_id).out


def test_few_questions_or_clusters_are_said(bench: Any, runs: list[Run]) -> None:
    found = compare(runs[1], runs[0], margin=0.1)
    planned = bench.cli("plan", "-m", "mock", "-t", "sums").out

    said = "sums: only 40 questions, below 100"
    assert any(note.startswith(said) for note in found.notes)
    assert said in planned


def test_junit_fails_what_is_worse(bench: Any, runs: list[Run]) -> None:
    strong, weak = runs[0].run_id, runs[1].run_id
    report = bench.folder / "report.xml"

    bench.cli("compare", strong, weak, "--junit", report)

    (suite,) = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    assert {case.get("classname") for case in suite.iter("testcase")} == {"sums", "pick"}
    bench.cli("compare", weak, strong, "--junit", report)
    assert ElementTree.parse(report).getroot().get("failures") == "0"
    bench.cli("compare", weak, strong, "--junit", report, "--fail-on", "better")
    assert ElementTree.parse(report).getroot().get("failures") == "2"
    refused = bench.cli("compare", weak, "nonsense", "--junit", report)
    assert refused.code == 2 and not report.exists()
