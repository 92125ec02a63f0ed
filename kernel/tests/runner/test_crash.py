"""A run that is killed loses nothing that was finished, and asks for none of it again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval.results import journal
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.store import Run, open_run

Tables = Callable[[Run], dict[str, Any]]
HTTP_MODEL = Path(__file__).parent.parent / "packs/http_model.py"


def command(server: Any, results: str) -> tuple[object, ...]:
    return (
        "run", "--plugin", HTTP_MODEL, "-m", "http_model:counting", "-t", "sums:2shot",
        "-o", f"provider.base_url={server.url}", "--results", results,
    )  # fmt: skip


@pytest.fixture
def server(bench: Any, server: Any) -> Any:
    """A server of a checkpoint that is here: it need not be asked again which model it serves."""
    checkpoint = bench.folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    server.root = str(checkpoint)
    return server


def journal_of(folder: Path) -> Path | None:
    return next(iter(folder.glob("runs/*/journal/records.jsonl")), None)


def finished(folder: Path) -> set[str]:
    """The questions whose answers are whole in the journal."""
    path = journal_of(folder)
    rows = (row for _, _, row in journal.read(path)) if path else ()
    return {
        row["question"].split()[0] for row in rows if row is not None and row["kind"] == "answer"
    }


def the_run(folder: Path) -> Run:
    (path,) = folder.glob("runs/*/run.json")
    return open_run(str(path.parent))


def kill_and_resume(bench: Any, server: Any, moments: list[float]) -> int:
    """Kill the run at each moment (a share of its records), then let it finish.

    Returns how often it was killed: on a busy machine a run may be over before it can be.
    """
    folder = bench.folder / "killed"
    kills = 0
    for moment in moments:
        process = bench.start(*command(server, "killed"))
        wanted = round(moment * 40)
        while process.poll() is None and len(finished(folder)) < wanted:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL
        kills += 1
        done = finished(folder)
        before = server.asked.copy()
        if moment == moments[-1]:
            assert bench.command(*command(server, "killed")).code == 0
        else:
            process = bench.start(*command(server, "killed"))
            while process.poll() is None and len(finished(folder)) <= len(done):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
        again = {question for question in done if server.asked[question] > before[question]}
        assert not again, f"finished, and asked again after a kill at {moment:.0%}: {again}"
    return kills


def test_a_killed_run_resumes_and_asks_for_nothing_again(
    bench: Any, server: Any, tables: Tables
) -> None:
    server.seconds = 0.1
    unbroken = bench.command(*command(server, "unbroken"))
    assert unbroken.code == 0, unbroken.err

    assert kill_and_resume(bench, server, [0.1, 0.4, 0.7]) >= 3
    assert tables(the_run(bench.folder / "killed")) == tables(the_run(bench.folder / "unbroken"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_fifty_kills_change_nothing(bench: Any, server: Any, tables: Tables, seed: int) -> None:
    server.seconds = 0.1
    bench.command(*command(server, "unbroken"))

    kills = 0
    for attempt in range(5):
        draw = random.Random(10 * seed + attempt)
        kills += kill_and_resume(bench, server, sorted(draw.random() * 0.6 for _ in range(2)))
        found, expected = (the_run(bench.folder / name) for name in ("killed", "unbroken"))
        assert tables(found) == tables(expected)
        (bench.folder / "killed").rename(bench.folder / f"killed-{attempt}")
    assert kills >= 10  # of 15; over the five seeds that makes fifty


# -- a journal as a crash may leave it


@pytest.fixture
def interrupted(bench: Any) -> Callable[[Callable[[bytes], bytes]], Run]:
    """Finish a run, put its journal back as a crash left it, and run the same command again."""

    def make(damage: Callable[[bytes], bytes]) -> Run:
        run = bench.evaluate("sums", skill=0.5, faults={"fail": 0.1}, results="broken")
        assert run.record["status"] == "incomplete"
        (path,) = Path(run.location).glob("journal/records.jsonl")
        path.write_bytes(damage(path.read_bytes()))
        (Path(run.location) / "metrics.parquet").unlink()
        record = {**run.record, "status": "running"}
        RunFolder(Path(run.location)).write_json(record)
        resumed: Run = bench.evaluate("sums", skill=0.5, faults={"fail": 0.1}, results="broken")
        return resumed

    return make


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-7],
        lambda data: data + b"8f3a10bc {\"task\": \"sums\", \"inst",
        lambda data: data + b"\0" * 4096,
        lambda data: b"",
        lambda data: data.replace(b'"outcome":"scored"', b'"outcome":"sc0red"', 1),
        lambda data: data.replace(b"\n", b"\ngarbage \xff\xfe\n", 3),
        lambda data: data + data.splitlines(keepends=True)[0],
    ],
    ids=["torn", "half a line", "zeros", "empty", "one flipped byte", "lines of noise", "doubled"],
)  # fmt: skip
def test_a_damaged_journal_costs_only_what_is_damaged(
    bench: Any,
    interrupted: Callable[[Callable[[bytes], bytes]], Run],
    tables: Tables,
    damage: Callable[[bytes], bytes],
) -> None:
    repaired = interrupted(damage)
    unbroken = bench.evaluate("sums", skill=0.5, faults={"fail": 0.1}, results="unbroken")

    assert tables(repaired) == tables(unbroken)
    rows = pq.read_table(Path(repaired.location) / "instances/sums.parquet")
    assert rows.num_rows == len(set(rows["instance_id"].to_pylist())) == 40


def test_a_run_killed_between_its_tables_and_its_record_is_repaired(
    bench: Any, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = bench.evaluate("sums", skill=0.5, results="unbroken")
    write = RunFolder.write_json

    def killed(self: RunFolder, record: dict[str, Any]) -> None:
        if record["status"] == "complete":
            raise KeyboardInterrupt
        write(self, record)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            bench.evaluate("sums", skill=0.5, results="broken")
    assert (the_run(bench.folder / "broken").record["status"]) == "interrupted"

    repaired = bench.evaluate("sums", skill=0.5, results="broken")

    assert repaired.record["status"] == "complete"
    assert len(repaired.record["sessions"]) == 2
    assert tables(repaired) == tables(expected)


def test_finalising_twice_gives_equal_tables(bench: Any, tables: Tables) -> None:
    settings = {"skill": 0.5, "faults": {"fail": 0.1}}
    once = tables(bench.evaluate("sums", "pick", **settings))
    twice = tables(bench.evaluate("sums", "pick", **settings))  # incomplete: made again

    assert once == twice


def test_the_records_of_a_run_are_whole_before_its_next_request(bench: Any, server: Any) -> None:
    process = bench.start(*command(server, "killed"), "-o", "max_concurrency=1")
    while process.poll() is None and len(finished(bench.folder / "killed")) < 5:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    # one request may be out whose answer was not yet recorded, and one answer on its way
    assert len(server.asked) - len(finished(bench.folder / "killed")) <= 1
