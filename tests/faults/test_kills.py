"""kill -9 at random points of a run: nothing finished is asked again, and the tables are those of
an unbroken run.

A hundred kills in all; as many more as one likes: ``benchmarks/faults.py kills``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from olmo_eval.results import journal
from olmo_eval.results.store import Run, Store

pytestmark = pytest.mark.slow

Tables = Callable[[Run], dict[str, Any]]
#: of each way to make a run
KILLS = int(os.environ.get("OLMO_EVAL_TEST_KILLS", "50"))
HTTP_MODEL = Path(__file__).parents[2] / "kernel/tests/packs/http_model.py"


def command(server: Any, results: str, *more: str) -> tuple[object, ...]:
    return (
        "run", "--plugin", HTTP_MODEL, "-m", "http_model:counting", "-t", "sums:2shot",
        "-o", f"provider.base_url={server.url}", "-o", "max_concurrency=4",
        "--results", results, *more,
    )  # fmt: skip


@pytest.fixture
def server(bench: Any, server: Any) -> Any:
    """A server of a checkpoint that is here: it need not be asked again which model it serves."""
    checkpoint = bench.folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    server.root, server.seconds = str(checkpoint), 0.01
    return server


def finished(results: Path) -> set[str]:
    """The questions whose answers are kept, in whichever journal or in the tables."""
    rows = (
        row
        for path in results.rglob("*.jsonl")
        for _, _, row in journal.read(path)
        if row is not None and row.get("kind") == "answer"
    )
    kept = {row["question"].split()[0] for row in rows}
    for run in Store(str(results)).runs() if results.exists() else ():
        if run.status == "complete":
            kept |= {q.split()[0] for q in run.instances("sums:2shot")["question"].to_pylist()}
    return kept


@define
class Killer:
    """Kills runs at random points until it has killed often enough."""

    forks: Any
    server: Any
    folder: Path
    draw: random.Random
    points: int
    seconds: float
    kills: int = 0
    again: set[str] = field(factory=set)

    def fault(self) -> dict[str, Any] | None:
        """Half of the kills come at a point where something is written, half at any moment."""
        if self.draw.random() < 0.5:
            at = self.draw.randint(1, self.points)
            return {"action": "kill", "at": at, "below": str(self.folder)}
        return None

    def make(self, results: str, *more: str) -> None:
        """Make one run, killed again and again."""
        while True:
            done, before = finished(self.folder / results), self.server.asked.copy()
            asked, fault = command(self.server, results, *more), self.fault()
            if fault is None:
                ended = self.forks.killed(*asked, after=self.draw.uniform(0, self.seconds))
            else:
                ended = self.forks.run(*asked, fault=fault)
            self.again |= {q for q in done if self.server.asked[q] > before[q]}
            self.kills += ended.code == -9
            assert ended.code in (0, -9), ended.refuse_defects().err
            if ended.code == 0:
                return


@pytest.fixture
def killer(forks: Any, server: Any, bench: Any) -> Killer:
    counted = bench.folder / "points"
    fault = {"action": "count", "below": str(bench.folder / "unbroken"), "counted": str(counted)}
    ended = forks.run(*command(server, "unbroken"), fault=fault)
    assert ended.code == 0, ended.err
    server.asked.clear()
    points = int(counted.read_text())
    return Killer(forks, server, bench.folder, random.Random(14), points, seconds=0.5)


def the_run(folder: Path) -> Run:
    (run,) = Store(str(folder)).runs()
    return run


@pytest.mark.parametrize("more", [(), ("--workers", "join")], ids=["alone", "join"])
def test_kills_at_random_points(
    bench: Any, killer: Killer, tables: Tables, more: tuple[str, ...]
) -> None:
    expected = tables(the_run(bench.folder / "unbroken"))
    runs = 0
    while killer.kills < KILLS:
        runs += 1
        killer.make(f"killed-{runs}", *more)
        assert tables(the_run(bench.folder / f"killed-{runs}")) == expected
    assert not killer.again, f"finished, and asked again: {killer.again}"
    assert runs < KILLS  # there was something to resume
