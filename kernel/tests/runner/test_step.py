"""The training step: a note to a run, which may be set later."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.results.store import Store

RUN = ("run", "-m", "mock", "-t", "sums", "--limit", "4")


def steps() -> list[Any]:
    return [run.record["model"]["step"] for run in Store("results").runs()]


def test_a_step_is_set_on_the_run_that_is_there(bench: Any) -> None:
    bench.cli(*RUN)
    assert steps() == [None]

    done = bench.cli(*RUN, "--step", "600")

    assert done.code == 0
    assert "now has the step 600" in done.err
    assert "mock (step 600)" in done.out
    assert steps() == [600]


def test_the_metrics_table_of_the_run_has_the_step_as_well(bench: Any) -> None:
    bench.cli(*RUN)
    before = Store("results").runs()[0].metrics()
    bench.cli(*RUN, "--step", "600")

    after = Store("results").runs()[0].metrics()

    assert set(after["step"].to_pylist()) == {600}
    assert after.drop("step") == before.drop("step")
    assert after.schema == before.schema


def test_without_a_step_the_known_one_stays(bench: Any) -> None:
    faulty = ("-o", "provider.kwargs.faults.fail=0.5", "--fail-if-missing", "100")
    bench.cli(*RUN, *faulty, "--step", "600")
    bench.cli(*RUN, *faulty)
    assert steps() == [600]

    bench.cli(*RUN, *faulty, "--step", "0")
    assert steps() == [0]


def test_a_negative_step_is_refused(bench: Any) -> None:
    refused = bench.cli(*RUN, "--step", "-5")

    assert refused.code == 2
    assert "-5 is not in the range x>=0" in refused.err
    with pytest.raises(UsageError, match="step -5 is negative"):
        bench.evaluate("sums", step=-5)
