"""Ctrl-C, SIGTERM, and two processes that make the same run."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results import journal
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.interrupt import _without_echoes

Tables = Callable[[Run], dict[str, Any]]


def slow_run(latency: float, results: str = "results") -> tuple[object, ...]:
    return (
        "run", "-m", "mock", "-t", "sums", "--results", results,
        "-o", "provider.kwargs.skill=0.5", "-o", f"provider.kwargs.latency={latency}",
        "-o", "max_concurrency=4",
    )  # fmt: skip


def recorded(folder: Path) -> int:
    """Whole records in the journal below ``folder``."""
    paths = list(folder.glob("runs/*/journal/records.jsonl"))
    return sum(
        row is not None and row["kind"] == "score"
        for path in paths
        for _, _, row in journal.read(path)
    )


def wait_for_records(process: subprocess.Popen[str], folder: Path, n: int) -> None:
    while process.poll() is None and recorded(folder) < n:
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_lets_what_is_in_flight_finish(
    bench: Any, tables: Tables, number: signal.Signals
) -> None:
    folder = bench.folder / "results"
    process = bench.start(*slow_run(0.3))
    wait_for_records(process, folder, 4)

    process.send_signal(number)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert "finishing what is in flight" in err
    assert "rerun the same command to resume" in err
    assert "Traceback" not in err
    (run,) = Store(str(folder)).runs()
    assert run.record["status"] == "interrupted"
    done = recorded(folder)
    assert done % 4 == 0 and 8 <= done < 40  # at least four were done, and four more in flight
    assert f"{done} instances are finished and kept" in err

    resumed = bench.command(*slow_run(0.3))
    unbroken = bench.evaluate(
        "sums", skill=0.5, latency=0.3, harness={"max_concurrency": 40}, results="unbroken"
    )
    assert resumed.code == 0
    assert f"{done} instances are done" in resumed.err
    assert tables(Store(str(folder)).runs()[0]) == tables(unbroken)


SAME_TERMINAL = """
import os
import signal

import anyio
import olmo_eval
from olmo_eval.common.types import LMOutput
from olmo_eval.errors import RunFailedError
from olmo_eval.providers import Capability, Provider


class SameTerminal(Provider):
    capabilities = frozenset({Capability.GENERATE})
    default_concurrency = 1
    asked = 0

    async def generate(self, request, params):
        self.asked += 1
        if self.asked == 6:
            os.kill(os.getpid(), signal.SIGINT)
            await anyio.sleep(0.2)
            raise RunFailedError("the engine was stopped before it had answered")
        return [LMOutput("1", finish_reason="stop")]


@olmo_eval.hookimpl
def register_providers(register):
    register("same_terminal", SameTerminal)
"""


def test_an_engine_that_hears_the_same_signal_is_no_failure(bench: Any) -> None:
    plugin = bench.folder / "same_terminal.py"
    plugin.write_text(SAME_TERMINAL)
    command = ("run", "--plugin", str(plugin), "-m", "same_terminal:x", "-t", "sums")
    process = bench.start(*command, "--results", "results")
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert "5 instances are finished and kept" in err
    (run,) = Store(str(bench.folder / "results")).runs()
    assert run.record["status"] == "interrupted"


def test_a_killed_run_is_not_said_to_be_running(bench: Any) -> None:
    process = bench.start(*slow_run(0.3))
    wait_for_records(process, bench.folder / "results", 4)

    def status() -> str:
        listed = bench.cli("results", "list", "--results", "results", "--json")
        return str(listed.json[0]["status"])

    assert status() == "running"
    process.kill()
    process.communicate()
    assert status() == "killed"
    assert "it is killed" in bench.cli("results", "show", "status=killed").err
    assert bench.command(*slow_run(0.001)).code == 0  # the same run: latency is pace
    assert status() == "complete"


def test_a_second_signal_stops_at_once(bench: Any) -> None:
    process = bench.start(*slow_run(20))
    line = ""
    while "sums: 40 instances" not in line:
        line = process.stderr.readline()
    time.sleep(0.3)

    process.send_signal(signal.SIGINT)
    while "finishing what is in flight" not in line:
        line = process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert "stopped at once" in err
    assert "rerun the same command to resume" in err


def test_a_signal_while_the_model_loads_is_an_interrupt_too(bench: Any) -> None:
    plugin = bench.folder / "slow_start.py"
    plugin.write_text(
        "import anyio, olmo_eval\n"
        "from olmo_eval.providers import Capability, Provider\n"
        "class SlowStart(Provider):\n"
        "    capabilities = frozenset(Capability)\n"
        "    async def start(self):\n"
        "        print('loading', flush=True)\n"
        "        await anyio.sleep(60)\n"
        "@olmo_eval.hookimpl\n"
        "def register_providers(register):\n"
        "    register('slow_start', SlowStart)\n"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        process = bench.start("run", "--plugin", plugin, "-m", "slow_start:x", "-t", "sums")
        while process.stdout.readline().strip() != "loading":
            pass
        process.send_signal(number)
        _, err = process.communicate(timeout=30)

        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert "rerun the same command" in err


def test_two_processes_with_one_command_make_one_run(bench: Any, tables: Tables) -> None:
    first = bench.start(*slow_run(0.8))
    wait_for_records(first, bench.folder / "results", 1)
    second = bench.start(*slow_run(0.8))

    outputs = [process.communicate(timeout=60) for process in (first, second)]

    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert f"this run is being made by process {first.pid}" in outputs[1][1]
    assert outputs[0][0].splitlines()[:3] == outputs[1][0].splitlines()[:3]
    (run,) = Store(str(bench.folder / "results")).runs()
    assert len(run.record["sessions"]) == 1
    assert run.instances("sums").num_rows == 40


def test_the_second_process_takes_over_when_the_first_is_killed(bench: Any) -> None:
    first = bench.start(*slow_run(0.8))
    wait_for_records(first, bench.folder / "results", 8)
    second = bench.start(*slow_run(0.8))
    said = iter(second.stderr.readline, "")
    assert any("is being made by process" in line for line in said)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _, err = second.communicate(timeout=60)

    assert second.returncode == 0, err
    assert "instances are done" in err
    (run,) = Store(str(bench.folder / "results")).runs()
    assert run.record["status"] == "complete"
    assert run.instances("sums").num_rows == 40


@pytest.mark.anyio
async def test_a_scheduler_that_terminates_twice_at_once_means_it_once() -> None:
    async def received() -> AsyncIterator[int]:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            yield number

    heard = [number async for number in _without_echoes(received())]

    assert heard == [signal.SIGTERM, signal.SIGINT, signal.SIGINT]
