"""A run made by several processes that are killed, paused and wrong about the time: each instance
counts once, and the tables are those of one process.

Fewer and smaller than what ``benchmarks/faults.py crowds`` does.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from olmo_eval.results.store import Run, Store

Tables = Callable[[Run], dict[str, Any]]
CROWDS = int(os.environ.get("OLMO_EVAL_TEST_CROWDS", "1"))
HTTP_MODEL = Path(__file__).parents[2] / "kernel/tests/packs/http_model.py"
N = 256
#: seconds after which a worker that says nothing is taken for gone
SILENT = 2.0


@define
class Crowd:
    """Workers that are killed, paused and wrong about the time, on one results folder."""

    forks: Any
    command: tuple[object, ...]
    draw: random.Random
    env: dict[str, str]

    def start(self) -> int:
        skew = self.draw.choice((-600, -90, 0, 90, 600))
        fault = {"skew": skew, "silent": SILENT, "below": str(self.forks.cwd / "results")}
        return int(self.forks.start(*self.command, fault=fault, **self.env))

    def make(self, workers: int, kills: int, pauses: int, until: float) -> list[Any]:
        """Make the run; kills and pauses come at random moments. Returns how workers ended."""
        running = [self.start() for _ in range(workers)]
        moments = sorted(self.draw.random() * until for _ in range(kills + pauses))
        pausing = set(self.draw.sample(range(len(moments)), pauses))
        paused: list[tuple[float, int]] = []
        began = time.monotonic()
        for n, moment in enumerate(moments):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            chosen = self.draw.choice(running)
            if n in pausing:
                os.kill(chosen, signal.SIGSTOP)
                paused.append((time.monotonic() + SILENT * 1.5, chosen))
            else:
                os.kill(chosen, signal.SIGKILL)  # no harm where it has ended
                running.append(self.start())
        for moment, pid in paused:
            time.sleep(max(0.0, moment - time.monotonic()))
            os.kill(pid, signal.SIGCONT)
        ended = [self.forks.wait(pid).refuse_defects() for pid in running]
        assert all(one.code in (0, -signal.SIGKILL) for one in ended), ended
        return ended


def counted_once(run: Run) -> None:
    names = run.instances("sums:2shot")["instance_id"].to_pylist()
    assert len(names) == len(set(names)) == N


@pytest.fixture
def command(bench: Any, server: Any) -> tuple[object, ...]:
    """A run of some blocks of instances that a counting server answers."""
    bench.write("sums/test.jsonl", [
        {"id": f"m{n}", "question": f"{n} plus 1?", "answer": str(n + 1)} for n in range(N)
    ])  # fmt: skip
    checkpoint = bench.folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    server.root = str(checkpoint)
    return (
        "run", "--plugin", HTTP_MODEL, "-m", "http_model:counting",
        "-t", "sums:2shot", "-o", f"provider.base_url={server.url}", "-o", "max_concurrency=4",
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(CROWDS))
def test_kills_pauses_and_wrong_clocks_change_nothing(
    forks: Any, server: Any, command: tuple[object, ...], tables: Tables, seed: int
) -> None:
    server.seconds = 0.0
    assert forks.run(*command, "--results", "alone").code == 0
    server.seconds = 0.05
    crowd = Crowd(forks, (*command, "--workers", "join"), random.Random(seed), {})

    said = crowd.make(workers=3, kills=4, pauses=2, until=4.0)

    (run,) = Store("results").runs()
    (alone,) = Store("alone").runs()
    assert run.status == "complete", said
    counted_once(run)
    assert tables(run) == tables(alone)


@pytest.mark.slow
def test_nothing_that_a_killed_worker_finished_is_asked_again(
    forks: Any, server: Any, command: tuple[object, ...]
) -> None:
    server.seconds = 0.05
    first, second = (forks.start(*command, "--workers", "join") for _ in range(2))
    while server.answered.total() < 60:
        time.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    forks.wait(first)

    assert forks.wait(second).refuse_defects().code == 0
    again = [question for question, n in server.asked.items() if n > 1]
    assert len(again) <= 4  # those that were in flight when it was killed


@pytest.mark.engine
@pytest.mark.parametrize("seed", range(CROWDS))
def test_kills_and_wrong_clocks_change_nothing_at_a_url(
    s3: Any,
    s3_environment: dict[str, str],
    forks: Any,
    server: Any,
    command: tuple[object, ...],
    seed: int,
) -> None:
    s3.create_bucket(Bucket="evals")
    server.seconds = 0.0
    assert forks.run(*command, "--results", "alone").code == 0
    server.seconds = 0.05
    results = ("--results", "s3://evals/team", "--workers", "join")
    crowd = Crowd(forks, (*command, *results), random.Random(3 + seed), s3_environment)

    said = crowd.make(workers=2, kills=2, pauses=1, until=4.0)

    (run,) = Store("s3://evals/team").runs()
    (alone,) = Store("alone").runs()
    assert run.status == "complete", said
    counted_once(run)
    columns = ["instance_id", "outcome", "question", "request", "outputs", "values"]
    task = "sums:2shot"
    assert run.instances(task, columns) == alone.instances(task, columns)
    of_run = ["run_id", "model", "step", "tokens", "group", "run_name"]
    assert run.metrics().drop(of_run) == alone.metrics().drop(of_run)
    left = [e["Key"] for e in s3.list_objects_v2(Bucket="evals").get("Contents", ())]
    assert not [key for key in left if "/journal/" in key and not key.endswith("/")]
