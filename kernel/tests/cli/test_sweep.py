"""Several models in one command: a broken one costs itself and nothing else."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.store import Store

BREAKS = """
import sys
import olmo_eval
from olmo_eval.providers import Capability, Provider
from olmo_eval.errors import ProviderError


class Breaks(Provider):
    capabilities = frozenset(Capability)

    async def start(self):
        if self.config.model == "defect":
            raise ZeroDivisionError("division by zero")
        if self.config.model == "exits":
            sys.exit(0)
        raise ProviderError("the engine does not start", hint="mend it")


@olmo_eval.hookimpl
def register_providers(register):
    register("breaks", Breaks)
"""


@pytest.fixture
def breaks(bench: Any) -> tuple[str, ...]:
    """The beginning of a command whose model ``breaks:...`` fails when it is started."""
    (bench.folder / "breaks.py").write_text(BREAKS)
    return ("run", "--plugin", str(bench.folder / "breaks.py"), "-t", "sums", "--limit", "4")


def models(runs: list[dict[str, Any]]) -> list[str]:
    return [run["model"] for run in runs]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("breaks:x", "the engine does not start (mend it)"),
        ("breaks:defect", "ZeroDivisionError: division by zero"),
        ("breaks:exits", "called sys.exit(0)"),
        ("./missing/folder", "./missing/folder"),
        ("  ", "no model is named"),
    ],
)
def test_the_others_run(bench: Any, breaks: tuple[str, ...], broken: str, said: str) -> None:
    done = bench.cli(*breaks, "-m", "mock:a", "-m", broken, "-m", "mock:c", "--json")

    assert done.code == 1
    assert models(done.json) == ["mock:a", "mock:c"]
    *_, failed, end, way_out = done.err.strip().splitlines()
    assert failed.startswith(f"failed: {broken}: ") and said in failed
    assert end == "error: 1 of 3 models failed"
    assert "tries the others again" in way_out
    assert "Traceback" not in done.err


def test_what_is_found_out_early_is_said_early(bench: Any, breaks: tuple[str, ...]) -> None:
    done = bench.cli(*breaks, "-m", "mock:a", "-m", "./missing", "-m", "breaks:x")

    lines = done.err.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("error: ./missing: "))
    assert first < lines.index("[1 of 3, mock:a] sums: 4 instances")
    assert "error: 2 of 3 models failed" in lines
    assert done.code == 1


def test_stop_on_error_ends_with_the_first(bench: Any, breaks: tuple[str, ...]) -> None:
    stopped = (*breaks, "--stop-on-error", "--json")
    running = bench.cli(*stopped, "-m", "mock:a", "-m", "breaks:x", "-m", "mock:c")
    made = bench.cli(*stopped, "-m", "mock:d", "-m", "./missing", "-m", "mock:c")

    assert running.code == 1 and models(running.json) == ["mock:a"]
    assert running.err.endswith("error: the engine does not start\n  mend it\n")
    assert made.code == 2 and made.out == ""
    assert {run.model for run in Store("results").runs()} == {"mock:a"}


def test_what_is_wrong_whatever_the_model_is_said_once(bench: Any, breaks: tuple[str, ...]) -> None:
    for wrong in (("-t", "sumz"), ("-o", "scaffold=nothing")):
        done = bench.cli(*breaks, *wrong, "-m", "mock:a", "-m", "mock:b")

        assert done.code == 2
        assert len([line for line in done.err.splitlines() if line.startswith("error: ")]) == 1


def test_a_single_model_fails_as_ever(bench: Any, breaks: tuple[str, ...]) -> None:
    failed = bench.cli(*breaks, "-m", "breaks:x")

    assert failed.code == 1
    assert failed.err == "error: the engine does not start\n  mend it\n"
    assert bench.cli(*breaks, "-m", "./missing").code == 2


def test_debug_shows_where_each_failed(bench: Any, breaks: tuple[str, ...]) -> None:
    done = bench.cli(*breaks, "-m", "mock:a", "-m", "breaks:defect", "--debug")

    assert 'raise ZeroDivisionError("division by zero")' in done.err


@pytest.mark.parametrize("command", [("run", "--dry-run"), ("plan",)])
def test_a_plan_shows_those_that_would_run(bench: Any, command: tuple[str, ...]) -> None:
    done = bench.cli(*command, "-t", "sums", "-m", "mock:a", "-m", "./missing", "-m", "mock:c")

    assert done.code == 1
    assert "mock:a" in done.out and "mock:c" in done.out
    assert "failed: ./missing: " in done.err


def test_an_interrupt_ends_all(bench: Any) -> None:
    slow = ("-o", "provider.kwargs.latency=0.2", "-o", "max_concurrency=4")
    process = bench.start("run", "-t", "sums", "-m", "mock:a", "-m", "mock:b", *slow, "--json")
    while "sums: 40 instances" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert out == "[]\n"
    assert [run.model for run in Store(str(Path("results"))).runs()] == ["mock:a"]
