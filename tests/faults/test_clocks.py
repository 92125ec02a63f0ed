"""Clocks that go backwards while a run is made, and that are wrong when it is resumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from olmo_eval.results.store import Run, Store

pytestmark = pytest.mark.slow

Tables = Callable[[Run], dict[str, Any]]
SLOW = ("-o", "provider.kwargs.latency=0.05", "-o", "max_concurrency=4")
COMMAND = ("run", "-m", "mock", "-t", "sums", *SLOW)
YEAR = 365 * 86400.0


def the_run(results: str) -> Run:
    (run,) = Store(results).runs()
    return run


def latencies(run: Run) -> list[float]:
    return [found for found in run.instances("sums")["latency"].to_pylist() if found is not None]


@pytest.mark.parametrize("more", [(), ("--workers", "join")], ids=["alone", "join"])
def test_a_clock_that_goes_backwards(forks: Any, tables: Tables, more: tuple[str, ...]) -> None:
    """Ten minutes at each look: no limit of time, no lease and no duration goes by it."""
    assert forks.run(*COMMAND, "--results", "right").code == 0
    fault = {"clock": 600.0, "below": str(forks.cwd)}

    ended = forks.run(*COMMAND, *more, "--results", "wrong", fault=fault).refuse_defects()

    assert ended.code == 0, ended.err
    assert tables(the_run("wrong")) == tables(the_run("right"))
    assert all(0 <= seconds < 60 for seconds in latencies(the_run("wrong")))
    assert "-" not in ended.err.partition("finished 40 in ")[2].partition(" s")[0]
    for command in (("results", "list"), ("results", "metrics", "latest"), ("verify", "latest")):
        read = forks.run(*command, "--results", "wrong").refuse_defects()
        assert read.code == 0, (command, read.err)


@pytest.mark.parametrize("skew", [-YEAR, YEAR], ids=["a year ago", "in a year"])
@pytest.mark.parametrize("more", [(), ("--workers", "join")], ids=["alone", "join"])
def test_a_run_is_resumed_on_a_machine_whose_clock_is_wrong(
    forks: Any, tables: Tables, more: tuple[str, ...], skew: float
) -> None:
    assert forks.run(*COMMAND, "--results", "right").code == 0
    killed = forks.killed(*COMMAND, *more, "--results", "killed", after=0.4)
    assert killed.code in (0, -9)

    fault = {"skew": skew, "below": str(forks.cwd)}
    ended = forks.run(*COMMAND, *more, "--results", "killed", fault=fault).refuse_defects()

    assert ended.code == 0, ended.err
    assert tables(the_run("killed")) == tables(the_run("right"))


@pytest.mark.engine
def test_a_clock_that_goes_backwards_at_a_url(
    s3: Any, s3_environment: dict[str, str], forks: Any
) -> None:
    s3.create_bucket(Bucket="evals")
    fault = {"clock": 1.0, "below": str(forks.cwd)}
    slower = ("-o", "provider.kwargs.latency=0.25")

    ended = forks.run(
        *COMMAND, *slower, "--results", "s3://evals/team", fault=fault, **s3_environment
    ).refuse_defects()

    assert ended.code == 0, ended.err
    (run,) = Store("s3://evals/team").runs()
    assert run.status == "complete" and run.instances("sums").num_rows == 40
