"""One run made by several processes, a shard each, and by one that takes the shards in."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.shard import Shard

Tables = Callable[[Run], dict[str, Any]]
TALLY = str(Path(__file__).parent.parent / "packs/tally.py")
GRADING = str(Path(__file__).parent.parent / "packs/grading.py")
COMMAND = ("run", "--plugin", TALLY, "-m", "tally:a", "-t", "sums", "-t", "sums:few")


def asked() -> int:
    log = Path("tally.log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_shards_make_the_run_that_one_process_makes(bench: Any, tables: Tables) -> None:
    shards = [bench.start(*COMMAND, "--shard", f"{number}/3") for number in (1, 2, 3)]
    for shard in shards:
        _, err = shard.communicate(timeout=120)
        assert shard.returncode == 0, err
        assert "takes all shards in" in err
    assert asked() == 50
    (run,) = Store("results").runs()
    assert run.summary["status"] == "running"
    assert not (Path(run.location) / "metrics.parquet").exists()

    whole = bench.command(*COMMAND)

    assert whole.code == 0, whole.err
    assert "the answers of 3 shards are taken in" in whole.err
    assert asked() == 50
    (run,) = Store("results").runs()
    alone = bench.evaluate("sums", "sums:few", model="tally:a", plugin=[TALLY], results="alone")
    assert run.status == "complete"
    assert tables(run) == tables(alone)


def test_what_a_shard_lacks_is_asked_by_the_whole(bench: Any, tables: Tables) -> None:
    done = bench.command(*COMMAND, "--shard", "2/4")
    assert done.code == 0, done.err
    assert asked() == 10 + 3

    whole = bench.command(*COMMAND)

    assert whole.code == 0, whole.err
    assert asked() == 50


def test_a_killed_shard_goes_on(bench: Any) -> None:
    command = (
        *("run", "--plugin", GRADING, "-m", "asked:x", "-t", "waited"),
        *("-o", "scoring_concurrency=1", "--shard", "1/2"),
    )
    first = bench.start(*command)
    deadline = time.monotonic() + 60
    while not Path("asked.log").exists() or len(Path("asked.log").read_text().splitlines()) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    Path("go").touch()

    again = bench.command(*command)

    assert again.code == 0, again.err
    assert len(Path("asked.log").read_text().splitlines()) == 20


def test_the_whole_does_not_take_in_a_shard_that_is_being_made(bench: Any) -> None:
    command = ("run", "--plugin", GRADING, "-m", "asked:x", "-t", "waited")
    shard = bench.start(*command, "--shard", "1/2")
    deadline = time.monotonic() + 60
    while not Path("asked.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)

    whole = bench.command(*command)

    assert whole.code == 2
    assert "shard-1-of-2 is being made" in whole.err
    Path("go").touch()
    shard.communicate(timeout=60)
    assert bench.command(*command).code == 0


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shard"):
        Shard.parse(text)


def test_shards_share_everything_once() -> None:
    shards = [Shard(number, 7) for number in range(1, 8)]

    for n in (0, 1, 6, 7, 50):
        assert sum(shard.share(n) for shard in shards) == n
        assert all(sum(place in shard for shard in shards) == 1 for place in range(n))
