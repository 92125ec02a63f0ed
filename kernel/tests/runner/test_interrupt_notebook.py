"""Ctrl-C while ``evaluate`` runs below an event loop, as it does in a notebook."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results import journal
from olmo_eval.results.store import Run, Store

Tables = Callable[[Run], dict[str, Any]]

#: a cell of a notebook: Python's own handler of Ctrl-C, an event loop in the main thread
CELL = """
import asyncio, signal, sys
from olmo_eval import evaluate

mock = {{"provider": {{"kwargs": {{"skill": 0.5, "latency": {latency}}}}}, "max_concurrency": 4}}

async def cell():
    {install}
    try:
        evaluate({model!r}, "sums", harness=mock, plugin={plugins!r}, progress=True)
    except KeyboardInterrupt as interrupt:
        print("interrupted:", interrupt, getattr(interrupt, "__notes__", []), flush=True)
        await asyncio.sleep(0)  # the loop goes on
        print("next cell", flush=True)

asyncio.run(cell())
"""
HANDLERS = {
    "a notebook's": "signal.signal(signal.SIGINT, signal.default_int_handler)",
    "asyncio.run's": "pass",
}
#: the system hands Ctrl-C to another thread than the main one, which runs Python's handlers
ELSEWHERE = """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
"""


@pytest.fixture
def cell(bench: Any) -> Callable[..., subprocess.Popen[str]]:
    def start(
        latency: float = 0.3,
        handler: str = "a notebook's",
        model: str = "mock",
        plugins: tuple[str, ...] = (),
    ) -> subprocess.Popen[str]:
        code = CELL.format(
            latency=latency,
            install=HANDLERS.get(handler, handler).strip(),
            model=model,
            plugins=[str(bench.pack), *plugins],
        )
        return subprocess.Popen(
            [sys.executable, "-c", code],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            cwd=bench.folder,
            env=bench.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def recorded(folder: Path) -> int:
    paths = list(folder.glob("runs/*/journal/records.jsonl"))
    return sum(
        row is not None and row["kind"] == "score"
        for path in paths
        for _, _, row in journal.read(path)
    )


def wait_for_records(process: subprocess.Popen[str], folder: Path, n: int) -> None:
    while process.poll() is None and recorded(folder) < n:
        time.sleep(0.005)


def is_free(folder: Path) -> bool:
    """Whether nobody holds the lock of the run below ``folder``."""
    (path,) = [p for p in (folder / "runs/.locks").iterdir() if len(p.name) == 16]
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_first_lets_what_is_in_flight_finish(
    bench: Any, tables: Tables, cell: Callable[..., subprocess.Popen[str]], handler: str
) -> None:
    folder = bench.folder / "results"
    process = cell(0.3, handler)
    wait_for_records(process, folder, 4)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert "interrupted: stopped; " in out and "next cell" in out
    assert "finishing what is in flight" in err
    (run,) = Store(str(folder)).runs()
    assert run.record["status"] == "interrupted"
    assert 8 <= recorded(folder) < 40 and recorded(folder) % 4 == 0
    settings = {"skill": 0.5, "latency": 0.3, "harness": {"max_concurrency": 40}}
    resumed = bench.evaluate("sums", **settings)
    assert resumed.run_id == run.run_id
    assert tables(resumed) == tables(bench.evaluate("sums", results="unbroken", **settings))


def test_the_second_stops_at_once(bench: Any, cell: Callable[..., subprocess.Popen[str]]) -> None:
    process = cell(20)
    line = ""
    while "sums: 40 instances" not in line:
        line = process.stderr.readline()
    time.sleep(0.2)

    process.send_signal(signal.SIGINT)
    while "finishing what is in flight" not in line:
        line = process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    while not process.stdout.readline().startswith("interrupted: stopped at once"):
        pass

    assert time.monotonic() - began < 5
    assert is_free(bench.folder / "results")
    assert process.wait(timeout=30) == 0


SLOW_START = """
import signal

import anyio
import olmo_eval
from olmo_eval.providers import Capability, Provider


class SlowStart(Provider):
    capabilities = frozenset(Capability)

    async def start(self):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        print("loading", flush=True)
        await anyio.sleep(60)

    async def close(self):
        print("closed", flush=True)


@olmo_eval.hookimpl
def register_providers(register):
    register("slow_start", SlowStart)
"""


@pytest.mark.parametrize("handler", ["a notebook's", ELSEWHERE], ids=["main", "elsewhere"])
def test_while_the_model_loads(
    bench: Any, cell: Callable[..., subprocess.Popen[str]], handler: str
) -> None:
    plugin = bench.folder / "slow_start.py"
    plugin.write_text(SLOW_START)
    process = cell(0, handler, model="slow_start:x", plugins=(str(plugin),))
    while process.stdout.readline().strip() != "loading":
        pass

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert out.startswith("closed\ninterrupted: stopped") and "next cell" in out


def test_while_it_waits_for_another_process(
    bench: Any, cell: Callable[..., subprocess.Popen[str]]
) -> None:
    first = cell(20)
    line = ""
    while "sums: 40 instances" not in line:
        line = first.stderr.readline()
    second = cell(20)
    while "waiting for it" not in second.stderr.readline():
        pass

    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=30)

    assert second.returncode == 0, err
    assert "interrupted:" in out and "next cell" in out
    assert first.poll() is None
    first.kill()
    first.communicate()
