"""One run made by several processes of one command: each instance counts once.

What kills, pauses and wrong clocks do to it is in ``tests/faults/test_crowds.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.results import ledger as ledgers
from olmo_eval.results import presence
from olmo_eval.results.ledger import Ledger, Manifest, Plan, RunIsOverError
from olmo_eval.results.locking import run_lock
from olmo_eval.results.shared import SharedBucket, SharedFolder, SharedStore
from olmo_eval.results.store import Run, Store

Tables = Callable[[Run], dict[str, Any]]
PACKS = Path(__file__).parent.parent / "packs"
TALLY = PACKS / "tally.py"


# -- the ledger


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.engine)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SharedStore:
    if request.param == "folder":
        return SharedFolder(tmp_path / "joined")
    request.getfixturevalue("s3").create_bucket(Bucket="evals")
    return SharedBucket("s3://evals/joined")


def worker(store: SharedStore, name: str, **more: Any) -> Ledger:
    store.refuse_without_conditions()
    plan = Plan("the-run", 64)
    ledgers.begin(store, "abc", 1, plan, name)
    made = Ledger(store, "abc", 1, plan, name, **more)
    made.beat({})
    return made


def manifest(name: str, worker: str) -> Manifest:
    return Manifest(name, 10, 7, 64, "ids", worker)


def test_one_of_many_that_create_a_file_succeeds(store: SharedStore) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store.refuse_without_conditions()
    with ThreadPoolExecutor(8) as pool:
        for n in range(20):
            made = list(pool.map(lambda i, n=n: store.create(f"f{n}", b"%d" % i), range(8)))
            assert made.count(True) == 1
            assert store.read(f"f{n}") == b"%d" % made.index(True)


def test_a_block_is_claimed_by_one(store: SharedStore) -> None:
    first, second = worker(store, "first"), worker(store, "second")

    claim = first.claim("0.0")

    assert claim is not None
    assert second.claim("0.0") is None
    assert second.claim("0.1") is not None


def test_a_silent_workers_block_is_claimed_again_and_it_wakes_too_late(
    store: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = worker(store, "first"), worker(store, "second")
    late = first.claim("0.0")
    assert late is not None
    assert second.claim("0.0") is None
    monkeypatch.setattr(presence, "SILENT_SECONDS", 0.0)

    claim = second.claim("0.0")

    assert claim is not None and claim.epoch == late.epoch + 1
    assert first.is_lost(late)
    assert second.commit(claim, manifest(claim.journal, "second"))
    assert not first.commit(late, manifest(late.journal, "first"))
    found = first.manifest("0.0")
    assert found is not None and found.worker == "second"


def test_whoever_is_first_to_say_that_a_block_is_done_counts(
    store: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = worker(store, "first"), worker(store, "second")
    late = first.claim("0.0")
    second.claim("0.0")
    monkeypatch.setattr(presence, "SILENT_SECONDS", 0.0)
    claim = second.claim("0.0")
    assert late is not None and claim is not None

    assert first.commit(late, manifest(late.journal, "first"))  # it woke just in time

    assert not second.commit(claim, manifest(claim.journal, "second"))
    assert second.undone(["0.0"]) == []


def test_nothing_counts_when_it_is_over(store: SharedStore) -> None:
    first, second = worker(store, "first"), worker(store, "second")
    claim = first.claim("0.0")
    assert claim is not None
    second.end()

    with pytest.raises(RunIsOverError):
        first.claim("0.1")
    assert first.over
    assert ledgers.latest(store, "abc") == (1, None)
    assert ledgers.begin(store, "abc", 2, Plan("the-run", 64), "third")
    number, plan = ledgers.latest(store, "abc")
    assert number == 2 and plan is not None
    third = Ledger(store, "abc", 2, plan, "third")
    assert third.claim("0.0") is not None  # of what was claimed before, nothing is left


def test_a_killed_process_of_this_machine_is_missed_at_once(tmp_path: Path) -> None:
    held = {"first"}
    store = SharedFolder(tmp_path / "joined")
    first = worker(store, "first", host="here")
    second = worker(store, "second", host="here", is_held=lambda name: name in held)
    other = worker(store, "other", host="there", is_held=lambda _: False)
    first.claim("0.0")
    assert second.claim("0.0") is None
    held.clear()

    assert other.claim("0.0") is None  # a lock of another machine says nothing
    time.sleep(presence.LOOK_SECONDS)
    assert second.claim("0.0") is not None


@pytest.mark.engine
def test_a_store_that_ignores_conditions_is_refused(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="evals")
    store = SharedBucket("s3://evals/joined")
    heeding = store._writer.pipe_file

    def careless(path: str, value: bytes, mode: str) -> None:
        heeding(path, value)

    monkeypatch.setattr(store._writer, "pipe_file", careless)

    with pytest.raises(UsageError, match="ignores the conditions"):
        store.refuse_without_conditions()


def test_a_file_system_without_hard_links_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    store = SharedFolder(tmp_path)

    with pytest.raises(UsageError, match="no hard links") as refused:
        store.create("claim", b"")

    assert "--shard" in str(refused.value.hint)
    assert list(tmp_path.iterdir()) == []


# -- whole runs

COMMAND = ("run", "--plugin", TALLY, "-m", "tally:a", "-t", "sums", "-t", "sums:few")


def asked() -> int:
    log = Path("tally.log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def nine_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "id": f"{row['id']}-{i}"} for i in range(9) for row in rows]


def test_processes_that_join_make_the_run_that_one_makes(bench: Any, tables: Tables) -> None:
    bench.edit("sums/test.jsonl", nine_times)
    workers = [bench.start(*COMMAND, "--workers", "join") for _ in range(2)]
    for process in workers:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "results: results/runs/" in out
    assert asked() == 370

    (run,) = Store("results").runs()
    alone = bench.evaluate("sums", "sums:few", model="tally:a", plugin=[str(TALLY)], results="one")

    assert run.status == "complete"
    assert tables(run) == tables(alone)
    assert 1 <= len(run.record["sessions"]) <= 2  # one may begin when the others are done
    left = {path.name for path in Path(run.location).iterdir()}
    assert left == {path.name for path in Path(alone.location).iterdir()}
    again = bench.cli(*COMMAND, "--workers", "join")
    assert again.code == 0 and "is complete" in again.err
    assert asked() == 740


def test_one_that_joins_alone_finishes_the_run(bench: Any) -> None:
    done = bench.cli(*COMMAND, "--workers", "join")

    assert done.code == 0, done.err
    assert asked() == 50


def test_a_run_that_one_process_began_is_finished_by_others(bench: Any, tables: Tables) -> None:
    slow = ("-o", "provider.kwargs.latency=0.1", "-o", "max_concurrency=2")
    command = ("run", "-m", "mock", "-t", "sums", *slow)
    process = bench.start(*command)
    while "sums: 40 instances" not in process.stderr.readline():
        pass
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130

    done = bench.cli(*command, "--workers", "join")

    assert done.code == 0, done.err
    (run,) = Store("results").runs()
    assert run.status == "complete"
    assert len(run.record["sessions"]) == 2
    alone = bench.evaluate("sums", results="alone")
    assert tables(run) == tables(alone)


def test_the_command_alone_takes_over_what_workers_have_left(bench: Any, tables: Tables) -> None:
    slow = ("-o", "provider.kwargs.latency=0.05", "-o", "max_concurrency=2")
    command = ("run", "-m", "mock", "-t", "sums", *slow)
    process = bench.start(*command, "--workers", "join")
    while "sums: started" not in process.stderr.readline():
        pass
    time.sleep(0.5)
    process.kill()
    process.communicate()
    (killed,) = Store("results").runs()
    assert killed.status == "killed"

    done = bench.cli(*command)

    assert done.code == 0, done.err
    assert "is taken over" in done.err and "are done" in done.err
    (run,) = Store("results").runs()
    assert run.run_id == killed.run_id
    assert tables(run) == tables(bench.evaluate("sums", results="alone"))


def test_an_instance_that_failed_is_asked_again_by_the_next_command(bench: Any) -> None:
    settings = ("-o", 'provider.kwargs.faults={"fail": 0.2}', "--fail-if-missing", "100")
    command = ("run", "-m", "mock", "-t", "sums", *settings, "--workers", "join")
    first = bench.cli(*command)
    assert first.code == 0, first.err
    (run,) = Store("results").runs()
    assert run.status == "incomplete"
    failed = run.record["tasks"][0]["outcomes"]["infra_failed"]

    again = bench.cli(*command)

    assert again.code == 0, again.err
    (run,) = Store("results").runs()
    assert run.status == "incomplete"
    assert run.record["tasks"][0]["outcomes"]["infra_failed"] == failed
    assert len(run.record["sessions"]) == 2
    assert [p.name for p in (Path(run.location) / "journal").iterdir()] == ["records.jsonl"]


@pytest.mark.slow
def test_processes_that_read_different_data_do_not_make_one_run(bench: Any) -> None:
    command = ("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.latency=0.1", "-o",
               "max_concurrency=4", "--workers", "join")  # fmt: skip
    bench.edit("sums/test.jsonl", nine_times)
    first = bench.start(*command)
    while "sums: started" not in first.stderr.readline():
        pass
    rows = bench.read("sums/test.jsonl")
    bench.write("sums/test.jsonl", [{**row, "id": f"other-{row['id']}"} for row in rows])
    second = bench.cli(*command)
    _, err = first.communicate(timeout=60)

    said = second.err + err
    assert first.returncode == 1 or second.code == 1 or len(Store("results").runs()) == 2, said
    for run in Store("results").runs():
        if run.status == "complete":
            names = run.instances("sums")["instance_id"].to_pylist()
            assert len({name.startswith("other-") for name in names}) == 1


@pytest.mark.parametrize("more", [("--fresh",), ("--shard", "1/2")])
def test_what_excludes_joining_is_refused(bench: Any, more: tuple[str, ...]) -> None:
    refused = bench.cli("run", "-m", "mock", "-t", "sums", "--workers", "join", *more)

    assert refused.code == 2
    assert "exclude each other" in refused.err


def test_who_joins_waits_for_one_who_makes_the_run_alone(bench: Any) -> None:
    with run_lock(Path("results"), "abc", lambda _: None):
        told: list[str] = []
        process = subprocess.Popen([sys.executable, "-c", (
            "from pathlib import Path\n"
            "from olmo_eval.results.locking import run_lock\n"
            "with run_lock(Path('results'), 'abc', print, shared=True): print('in')"
        )], stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None
        told.append(process.stdout.readline())
    told += process.stdout.read().splitlines()
    process.wait()

    assert "waiting for it" in told[0] and told[-1] == "in"
