"""What trackers are told, and that one which fails harms neither the run nor another tracker."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.results.summary import Score
from olmo_eval_trackers import trackers
from olmo_eval_trackers.evaluation import Evaluation, renamed

RUN = {
    "run_id": "20261128-075850-step1000-cfd8cb39",
    "kind": "run",
    "group": "demo",
    "name": None,
    "status": "complete",
    "model": {"name": "checkpoints/step1000", "step": 1000, "tokens": None},
}


def score(**changed: Any) -> Score:
    fields: dict[str, Any] = {
        "name": "sums", "kind": "task", "task": "sums", "variants": (), "metric": "accuracy",
        "scorer": "exact_match", "primary": True, "higher_is_better": True, "value": 0.5,
        "stderr": 0.1, "ci_low": 0.3, "ci_high": 0.7, "mde": 0.2, "n_expected": 10, "n_scored": 10,
        "n_clusters": 10, "worst_case": 0.5, "best_case": 0.5, "method": "Wilson",
    }  # fmt: skip
    return Score(**{**fields, **changed})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Evaluation]:
    """What a tracker called ``notebook`` is told; one called ``broken`` raises, and prints."""
    found: list[Evaluation] = []
    module = ModuleType("a_notebook")
    module.write = found.append  # type: ignore[attr-defined]

    def fail(evaluation: Evaluation) -> None:
        print("hello from the tracker")
        raise ConnectionError("no network")

    module.fail = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_notebook", module)
    # the package of a tracker is found by its name
    for name, target in (("json", "a_notebook:write"), ("csv", "a_notebook:fail")):
        monkeypatch.setitem(trackers.TRACKERS, name, trackers.Tracker(name, target))
    return found


def test_scores_become_values_with_the_ends_of_their_intervals() -> None:
    found = Evaluation.of(RUN, [score()], "/results/runs/r")

    assert found.values == {
        "eval/sums/accuracy": 0.5,
        "eval/sums/accuracy_low": 0.3,
        "eval/sums/accuracy_high": 0.7,
        "eval/sums/accuracy_n": 10,
    }
    assert found.axis == {"eval/checkpoint_step": 1000}
    assert (found.track, found.facts["location"]) == ("demo", "/results/runs/r")


def test_what_is_not_known_is_no_number() -> None:
    some = [
        score(value=None, ci_low=None, ci_high=None, n_scored=0),
        score(name="prose", value=math.nan, ci_low=-math.inf, ci_high=None, n_scored=9),
    ]

    assert Evaluation.of(RUN, some, "r").values == {
        "eval/sums/accuracy_n": 0,
        "eval/sums/accuracy_missing": 10,
        "eval/prose/accuracy_n": 9,
        "eval/prose/accuracy_missing": 1,
    }


def test_one_metric_of_two_scorers_is_named_with_the_scorer() -> None:
    values = Evaluation.of(RUN, [score(), score(scorer="f1", value=0.6)], "r").values

    assert values["eval/sums/accuracy:exact_match"] == 0.5
    assert values["eval/sums/accuracy:f1"] == 0.6
    with pytest.raises(DataError, match="would both be called eval/sums/accuracy:f1"):
        Evaluation.of(RUN, [score(scorer="f1"), score(scorer="f1")], "r")


def test_names_that_a_tracker_does_not_take_are_changed_but_never_merged() -> None:
    assert renamed({"a[b=1]": 1, "c:d/e": 2}, ":/") == {"a_b_1_": 1, "c:d/e": 2}
    with pytest.raises(DataError, match="both be called a_1"):
        renamed({"a[1": 1, "a]1": 2}, "")


@pytest.mark.parametrize(("group", "step"), [(None, 1000), ("demo", None)])
def test_a_run_without_group_or_step_stands_alone(group: str | None, step: int | None) -> None:
    run = {**RUN, "group": group, "model": {"name": "m", "step": step}}

    assert Evaluation.of(run, [score()], "r").track == RUN["run_id"]


def test_rescores_and_runs_without_scores_are_not_told(told: list[Evaluation]) -> None:
    trackers.track(["json"], {**RUN, "kind": "rescore"}, [score()], "r")
    trackers.track(["json"], {**RUN, "status": "failed"}, [], "r")
    assert told == []

    trackers.track(["json"], {**RUN, "kind": "external"}, [score()], "r")
    assert len(told) == 1


def test_trackers_that_fail_are_named_and_the_others_are_told(
    told: list[Evaluation], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OlmoEvalError) as caught:
        trackers.track(["csv", "comet", "json"], RUN, [score()], "r")

    assert "csv: ConnectionError: no network" in caught.value.message
    assert "comet: there is no such tracker (OLMO_EVAL_TRACKERS may name: " in caught.value.message
    assert len(told) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello from the tracker\n")  # output may be read by a program


def test_a_package_that_is_missing_is_said_when_the_run_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker = trackers.Tracker("not_here", "nothing:log")
    monkeypatch.setitem(trackers.TRACKERS, "not_here", tracker)

    with pytest.raises(OlmoEvalError, match=r"pip install 'olmo-eval-trackers\[not_here\]'"):
        trackers.check(["not_here"])


def test_a_run_ends_well_whatever_its_trackers_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "olmo_eval", "run", "-m", "mock", "-t", "tiny_sums"]
    done = subprocess.run(
        [*command, "--limit", "2"],
        cwd=tmp_path,
        env={**os.environ, "OLMO_EVAL_TRACKERS": "comet, comet"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("comet: there is no such tracker") == 2  # at the beginning and the end
    assert "results: " in done.stdout + done.stderr
