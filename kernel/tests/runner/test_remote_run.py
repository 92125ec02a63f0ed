"""A run at a URL outlives its machine: another one goes on where its copied journal ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import DataError, UsageError
from olmo_eval.results import journal, lease, remote_run
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.record import ANSWER
from olmo_eval.results.store import Store, open_run

pytestmark = pytest.mark.engine

HTTP_MODEL = Path(__file__).parent.parent / "packs/http_model.py"
RESULTS = "s3://evals/team"
PIECE = 0.5

#: ``olmo-eval`` with short pieces
DRIVER = f"""
from olmo_eval.results import remote_run
remote_run.PIECE_SECONDS = {PIECE}
from olmo_eval.cli.main import main
main()
"""


class Machine:
    """A computer: a cache of its own, the store and the model in reach."""

    def __init__(self, bench: Any, server: Any, name: str) -> None:
        self.bench, self.server = bench, server
        self.cache = bench.folder / "machines" / name

    def start(self, *more: str, results: str = RESULTS) -> subprocess.Popen[str]:
        arguments = (
            "run", "--plugin", HTTP_MODEL, "-m", "http_model:counting", "-t", "sums:2shot",
            "-o", f"provider.base_url={self.server.url}", "-o", "max_concurrency=1",
            "--results", results, *more,
        )  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, *map(str, arguments)],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            cwd=self.bench.folder,
            env={
                **self.bench.environment,
                "OLMO_EVAL_PLUGINS": str(self.bench.pack),
                "OLMO_EVAL_CACHE": str(self.cache),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *more: str, results: str = RESULTS) -> tuple[int, str]:
        process = self.start(*more, results=results)
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err


@pytest.fixture
def machine(
    s3: Any, s3_environment: dict[str, str], bench: Any, server: Any
) -> Callable[[str], Machine]:
    s3.create_bucket(Bucket="evals")
    bench.environment.update(s3_environment)
    checkpoint = bench.folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    server.root, server.seconds = str(checkpoint), 0.15
    return lambda name: Machine(bench, server, name)


def keys(s3: Any) -> list[str]:
    return [e["Key"] for e in s3.list_objects_v2(Bucket="evals").get("Contents", ())]


def copied(s3: Any) -> set[str]:
    """The questions whose answers are in the pieces of the bucket."""
    found = set()
    for key in keys(s3):
        if "/journal/" in key and not key.endswith("/"):
            body = s3.get_object(Bucket="evals", Key=key)["Body"].read()
            rows = map(journal.decode, body.splitlines(keepends=True))
            answers = [row for row in rows if row is not None and row["kind"] == ANSWER]
            found |= {row["question"].split()[0] for row in answers}
    return found


def let_expire(s3: Any) -> None:
    """Date the lease of the only run back, as if its time had passed."""
    (key,) = [key for key in keys(s3) if key.endswith("lease.json")]
    held = json.loads(s3.get_object(Bucket="evals", Key=key)["Body"].read())
    assert held["expires"] > datetime.now(UTC).isoformat()
    content = json.dumps({**held, "expires": "2020-01-01T00:00:00+00:00"})
    s3.put_object(Bucket="evals", Key=key, Body=content.encode())


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_another_machine_goes_on_where_the_copied_journal_ends(
    bench: Any, server: Any, s3: Any, machine: Callable[[str], Machine]
) -> None:
    first, second = machine("first"), machine("second")
    process = first.start()
    wait_for(lambda: len(copied(s3)) >= 8, process)
    (running,) = Store(RESULTS).runs()
    assert running.status == "running"
    process.kill()
    process.communicate()
    shutil.rmtree(first.cache)
    safe, answered = copied(s3), set(server.answered)
    assert 8 <= len(safe) < 40

    code, said = second.run()
    assert code != 0
    assert "is being made on another machine, which has it until" in said
    let_expire(s3)
    server.asked.clear()
    code, said = second.run()
    assert code == 0, said

    again = set(server.asked) & answered
    assert not again & safe, "it was in the store, and was asked for again"
    assert len(again) <= (PIECE + 1.5) / server.seconds + 1
    (run,) = Store(RESULTS).runs()
    assert (run.run_id, run.status) == (running.run_id, "complete")
    assert len(run.record["sessions"]) == 2
    assert not [key for key in keys(s3) if "/journal/" in key and not key.endswith("/")]
    assert not [key for key in keys(s3) if key.endswith("lease.json")]
    code, said = second.run(results="unbroken")
    (path,) = (bench.folder / "unbroken/runs").glob("2*")
    wanted = open_run(str(path))
    made, unbroken = (one.metrics().drop_columns(["run_id"]) for one in (run, wanted))
    assert made == unbroken
    columns = ["instance_id", "outcome", "question", "request", "outputs", "values"]
    assert run.instances("sums:2shot", columns) == wanted.instances("sums:2shot", columns)


def test_a_run_that_was_stopped_is_free_at_once_and_loses_nothing(
    server: Any, s3: Any, machine: Callable[[str], Machine]
) -> None:
    process = machine("first").start()
    wait_for(lambda: len(server.answered) >= 6, process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    (run,) = Store(RESULTS).runs()
    assert run.status == "interrupted"
    assert copied(s3) == set(server.answered)

    before = server.asked.copy()
    code, said = machine("second").run()

    assert code == 0, said
    assert not [q for q in before if server.asked[q] > before[q]]
    assert "resuming" in said
    code, said = machine("third").run()
    assert code == 0 and "is complete" in said
    assert server.asked.total() == 40


def test_what_was_not_copied_is_still_on_the_same_machine(
    server: Any, s3: Any, machine: Callable[[str], Machine]
) -> None:
    first = machine("first")
    process = first.start()
    wait_for(lambda: len(copied(s3)) >= 3, process)
    process.kill()
    process.communicate()
    (path,) = first.cache.glob("staging/*/runs/*/journal/records.jsonl")
    rows = (row for _, _, row in journal.read(path) if row is not None)
    finished = {row["question"].split()[0] for row in rows if row["kind"] == ANSWER}
    before = server.asked.copy()

    code, said = first.run()

    assert code == 0, said
    assert not [q for q in finished if server.asked[q] > before[q]]
    assert not list(first.cache.glob("staging/*/runs/2*"))


def test_an_incomplete_run_keeps_its_journal_in_the_store(
    bench: Any, s3: Any, machine: Callable[[str], Machine]
) -> None:
    faulty = {"faults": {"fail": 0.2}}
    run = bench.evaluate("sums", results=RESULTS, **faulty)
    assert run.status == "incomplete"
    assert [key for key in keys(s3) if "/journal/records.jsonl." in key]

    again = bench.evaluate("sums", results=RESULTS, **faulty)

    assert again.run_id == run.run_id
    assert len(again.record["sessions"]) == 2


# -- the lease, in this process


@pytest.fixture
def staged(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunFolder:
    s3.create_bucket(Bucket="evals")
    monkeypatch.setattr(remote_run, "PIECE_SECONDS", 0.2)
    folder = RunFolder(tmp_path / "staging/runs/20260101-000000-m-0")
    folder.write_json({"run_id": folder.run_id, "schema_version": 1, "status": "running"})
    return folder


def another(s3: Any, folder: RunFolder, expires: str) -> None:
    body = json.dumps({"owner": "another", "token": "x", "expires": expires}).encode()
    s3.put_object(Bucket="evals", Key=f"team/runs/{folder.run_id}/lease.json", Body=body)


def test_a_valid_lease_of_another_machine_refuses(s3: Any, staged: RunFolder) -> None:
    another(s3, staged, "2999-01-02T03:04:05+00:00")

    with (
        pytest.raises(UsageError, match="until 2999-01-02 03:04:05 UTC") as refused,
        remote_run.made_at(RESULTS, staged, print),
    ):
        raise AssertionError("nothing is made")
    assert "takes the run over" in str(refused.value.hint)


@pytest.mark.parametrize("content", ["2000-01-01T00:00:00+00:00", "never"])
def test_an_expired_lease_and_what_is_none_refuse_nobody(
    s3: Any, staged: RunFolder, content: str
) -> None:
    another(s3, staged, content)
    with pytest.raises(DataError, match="on purpose"), remote_run.made_at(RESULTS, staged, print):
        raise DataError("on purpose")
    assert not [key for key in keys(s3) if key.endswith("lease.json")]


def test_a_machine_that_lost_its_lease_publishes_nothing(
    s3: Any, staged: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.5)
    said: list[str] = []

    with (
        pytest.raises(DataError, match="another machine took over") as refused,
        remote_run.made_at(RESULTS, staged, said.append),
    ):
        another(s3, staged, "2999-01-01T00:00:00+00:00")
        (staged.path / "metrics.parquet").write_text("a table")
        deadline = time.monotonic() + 20
        while not said and time.monotonic() < deadline:
            time.sleep(0.05)
    assert said == [f"another machine has taken over run {staged.run_id}"]
    assert str(staged.path) in str(refused.value.hint) and staged.path.exists()
    assert not [key for key in keys(s3) if key.endswith(".parquet")]


def test_large_and_torn_journals_are_copied_by_whole_lines(
    s3: Any, staged: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_run, "_LARGEST_PIECE", 1000)
    lines = b"".join(b"%d %s\n" % (n, b"x" * (n * 7 % 3000)) for n in range(200))
    staged.journal.parent.mkdir()
    staged.journal.write_bytes(lines + b"a torn li")

    with pytest.raises(DataError), remote_run.made_at(RESULTS, staged, print):
        raise DataError("stopped")
    location = f"{RESULTS}/runs/{staged.run_id}"
    fetched = staged.path.parent / "fetched"
    fetched.mkdir()
    remote_run.fetch_journal(location, fetched)

    assert (fetched / "records.jsonl").read_bytes() == lines
