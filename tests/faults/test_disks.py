"""Full disks, read-only folders and broken devices, at whatever a run was just writing.

Single faults with their words are in ``kernel/tests/runner/test_disk.py``; here points at which a
run writes something are tried in turn.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.store import Run, Store

pytestmark = pytest.mark.slow

Tables = Callable[[Run], dict[str, Any]]
#: at which a run is tried; ``benchmarks/faults.py disks`` tries all
POINTS = int(os.environ.get("OLMO_EVAL_TEST_POINTS", "15"))
SUMS = ("run", "-m", "mock", "-t", "sums", "-t", "pick")


def the_run(results: str | Path) -> Run:
    (run,) = Store(str(results)).runs()
    return run


def points(forks: Any, results: str, *command: object) -> int:
    """At how many points a command writes something below the results."""
    counted = forks.cwd / "points"
    fault = {"action": "count", "below": str(forks.cwd / results), "counted": str(counted)}
    ended = forks.run(*command, "--results", results, fault=fault)
    assert ended.code == 0, ended.err
    return int(counted.read_text())


WORDS = {
    "full": "is full",
    "readonly": "Read-only file system",
    "broken": "Input/output error",
}


@pytest.mark.parametrize("more", [(), ("--workers", "join")], ids=["alone", "join"])
@pytest.mark.parametrize("action", WORDS)
def test_every_point_of_a_run(
    forks: Any, tables: Tables, action: str, more: tuple[str, ...]
) -> None:
    count = points(forks, "unbroken", *SUMS, *more)
    expected = tables(the_run("unbroken"))
    edges = {1, 2, 3, count - 1, count}
    tried = sorted(edges | set(random.Random(14).sample(range(4, count - 1), POINTS - len(edges))))
    for at in tried:
        results = f"{action}-{at}"
        fault = {"action": action, "at": at, "below": str(forks.cwd / results)}
        ended = forks.run(*SUMS, *more, "--results", results, fault=fault).refuse_defects()
        if ended.code != 0:
            assert ended.code == 1, (at, ended.err)
            assert len(ended.errors) == 1 and WORDS[action] in ended.err, (at, ended.err)
        mended = forks.run(*SUMS, *more, "--results", results)
        assert mended.code == 0, (at, mended.err)
        assert tables(the_run(results)) == expected, at


@pytest.fixture
def disk(forks: Any) -> Iterator[Callable[[int], Path]]:
    """A file system of its own, of so many kB; called again, it has another size."""
    place = forks.cwd / "disk"
    place.mkdir()

    def sized(kilobytes: int) -> Path:
        how = ["remount,"] if place.is_mount() else [""]
        options = f"{how[0]}size={kilobytes}k"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True
        )
        if done.returncode:
            pytest.skip(f"mounting a file system takes root: {done.stderr.decode().strip()}")
        return Path(place)

    yield sized
    if place.is_mount():
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_really_full_disk_in_every_phase(
    forks: Any, tables: Tables, disk: Callable[[int], Path]
) -> None:
    """From a disk that holds nothing to one that holds all but the last file."""
    command = (*SUMS, "-t", "prose", "--results", "disk/results")
    assert forks.run(*SUMS, "-t", "prose", "--results", "unbroken").code == 0
    expected = tables(the_run("unbroken"))
    place = disk(4)
    sizes, seen = range(4, 400, 12), set()
    for kilobytes in sizes:
        disk(kilobytes)
        ended = forks.run(*command).refuse_defects()
        if ended.code == 0:
            break
        assert ended.code == 1 and len(ended.errors) == 1, (kilobytes, ended.err)
        assert "is full" in ended.err, (kilobytes, ended.err)
        seen.add(bool(list(place.glob("results/runs/*/journal/*"))))
    assert ended.code == 0 and kilobytes > 40
    assert seen == {False, True}  # full before the journal, and after it had begun
    assert tables(the_run("disk/results")) == expected


def test_a_folder_that_becomes_read_only_between_two_commands(
    forks: Any, tables: Tables, disk: Callable[[int], Path]
) -> None:
    """What only reads still reads; what writes says so and changes nothing."""
    place = disk(4096)
    assert forks.run(*SUMS, "--results", "disk/results").code == 0
    before = tables(the_run("disk/results"))
    run_id = the_run("disk/results").run_id
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)

    results = ("--results", "disk/results")
    reading = [
        ("results", "list"), ("results", "show", run_id), ("results", "table", run_id),
        ("verify", run_id), ("compare", run_id, run_id), ("why", run_id, "sums"),
        ("results", "metrics", run_id),
        ("results", "export", run_id, "-o", str(forks.cwd / "out.csv")),
    ]  # fmt: skip
    for command in reading:
        ended = forks.run(*command, *results).refuse_defects()
        assert ended.code == 0, (command, ended.err)
    writing = [
        ("run", "-m", "mock", "-t", "prose"), ("rescore", run_id, "--name", "again"),
        ("run", "-m", "mock", "-t", "prose", "--workers", "join"),
        ("run", "-m", "mock", "-t", "prose", "--shard", "1/2"),
        ("baseline", "set", run_id),
    ]  # fmt: skip
    for command in writing:
        ended = forks.run(*command, *results).refuse_defects()
        assert ended.code in (1, 2), (command, ended.err)
        assert len(ended.errors) == 1, (command, ended.err)
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    assert tables(the_run("disk/results")) == before
