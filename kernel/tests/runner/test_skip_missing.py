"""A suite of which some data is not at hand: refused, or run in part and without a score."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import open_run
from olmo_eval.evals.suites import Suite, register

RUN = ("run", "-m", "mock", "-t", "partly")


@pytest.fixture
def partly(bench: Any) -> None:
    """A suite whose task ``pick`` has no data, and whose inner suite has all of its."""
    register(Suite("partly", ("pick", Suite("inner", ("sums",)))))
    (bench.folder / "pick/test.jsonl").unlink()


def test_it_is_refused_with_the_way_to_run_the_rest(bench: Any, partly: None) -> None:
    done = bench.cli(*RUN)

    assert done.code in (1, 2)
    assert "suite 'partly': 1 of 2 members cannot be run: 'pick'" in done.err
    assert "--skip-missing runs the others, without a score of the suite" in done.err


def test_the_others_are_run_and_the_suite_has_no_score(bench: Any, partly: None) -> None:
    done = bench.cli(*RUN, "--skip-missing", "--json")

    run = open_run(done.json[0]["location"])
    told = "suite partly has no score: the data of 1 member is not there: pick"
    assert done.code == 0, done.err
    assert told in done.err
    assert run.record["remarks"] == [told]
    assert run.task_names == ["sums"]
    assert {score.name for score in run.scores()} == {"sums", "inner"}


def test_only_missing_data_is_left_out(bench: Any, partly: None) -> None:
    register(Suite("wrong", ("sums", "pick", "sums:3shots")))

    done = bench.cli("run", "-m", "mock", "-t", "wrong", "--skip-missing")

    assert done.code == 1
    assert "2 of 3 members cannot be run: 'pick', 'sums:3shots'" in done.err
    assert "--skip-missing" not in done.err


def test_a_suite_without_any_data_is_refused(bench: Any, partly: None) -> None:
    register(Suite("none", ("pick",)))

    done = bench.cli("run", "-m", "mock", "-t", "none", "--skip-missing")

    assert done.code in (1, 2)
    assert "1 of 1 members cannot be run" in done.err
