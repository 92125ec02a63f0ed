"""Disks that are full and folders that cannot be written: one clear line, and nothing lost."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results import folder, footers, journal, locking
from olmo_eval.results.store import Run, Store

Tables = Callable[[Run], dict[str, Any]]


class FullDisk:
    """Lets so many bytes through to the journal, then no more; the last write is cut short."""

    def __init__(self, capacity: int) -> None:
        self.left = capacity

    def write(self, fd: int, data: bytes) -> int:
        if self.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, data[: self.left])
        self.left -= written
        return written


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """In a ``with`` block, a disk that has room for so many bytes of the journal."""

    def fill(capacity: int) -> Any:
        context = monkeypatch.context()
        patched = context.__enter__()
        disk = FullDisk(capacity)
        patched.setattr(journal, "os", SimpleNamespace(**{**vars(os), "write": disk.write}))
        return SimpleNamespace(undo=lambda: context.__exit__(None, None, None))

    return fill


@pytest.mark.parametrize("capacity", [0, 1, 700, 5_000, 9_999])
def test_a_disk_that_fills_up_loses_nothing_finished(
    bench: Any, tables: Tables, fill: Callable[[int], Any], capacity: int
) -> None:
    expected = bench.evaluate("sums", skill=0.5, results="unbroken")
    disk = fill(capacity)
    with pytest.raises(OlmoEvalError, match=r"the disk of .* is full") as failed:
        bench.evaluate("sums", skill=0.5, results="full")
    disk.undo()
    assert "rerun the same command" in str(failed.value.hint)

    rerun = bench.evaluate("sums", skill=0.5, results="full")

    assert tables(rerun) == tables(expected)


def test_the_command_says_it_in_a_line(bench: Any, fill: Callable[[int], Any]) -> None:
    disk = fill(5_000)
    failed = bench.cli("run", "-m", "mock", "-t", "sums")
    disk.undo()

    assert failed.code == 1
    (line,) = [line for line in failed.err.splitlines() if "full" in line]
    assert line.startswith("error: the disk of")
    assert "Traceback" not in failed.err


def mounted(place: Path, *options: str) -> bool:
    """Whether a file system could be mounted on ``place``, which takes root."""
    place.mkdir(exist_ok=True)
    try:
        done = subprocess.run(["mount", *options, str(place)], capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@pytest.fixture
def small_disk(bench: Any) -> Iterator[Path]:
    """A file system of its own that holds 64 kB; where that takes root, a limit to files."""
    disk = Path(bench.folder) / "disk"
    is_mounted = mounted(disk, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not is_mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
    try:
        yield disk
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        if is_mounted:
            subprocess.run(["umount", str(disk)], check=True)


def test_a_really_full_disk(bench: Any, small_disk: Path) -> None:
    def nine_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "id": f"{row['id']}-{i}"} for i in range(9) for row in rows]

    bench.edit("sums/test.jsonl", nine_times)
    arguments = ("run", "-m", "mock", "-t", "sums", "--results", small_disk)

    failed = bench.command(*arguments)

    assert failed.code == 1
    assert "is full" in failed.err or "File too large" in failed.err
    assert "Traceback" not in failed.err
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    mounted(small_disk, "-o", "remount,size=8m")
    rerun = bench.command(*arguments)
    assert rerun.code == 0, rerun.err
    assert "instances are done" in rerun.err


@pytest.mark.parametrize("step", ["tables", "metrics", "record", "sync"])
def test_a_disk_that_fills_up_while_the_tables_are_written(
    bench: Any, tables: Tables, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    expected = bench.evaluate("sums", skill=0.5, results="unbroken")
    places: dict[str, tuple[Any, str]] = {
        "tables": (pq, "ParquetWriter"),
        "metrics": (footers, "seal"),
        "record": (folder, "write_atomically"),
    }
    with monkeypatch.context() as patched:
        if step == "sync":
            patched.setattr(journal, "os", SimpleNamespace(**{**vars(os), "fsync": full}))
        else:
            patched.setattr(*places[step], full)
        with pytest.raises(OlmoEvalError, match=r"the disk of .* is full"):
            bench.evaluate("sums", skill=0.5, results="full")

    rerun = bench.evaluate("sums", skill=0.5, results="full")

    assert tables(rerun) == tables(expected)


def test_a_read_only_folder(bench: Any) -> None:
    closed = Path("closed")
    closed.mkdir(mode=0o555)
    is_mounted = mounted(closed, "-t", "tmpfs", "-o", "ro", "tmpfs")  # root may write in any other
    try:
        failed = bench.cli("run", "-m", "mock", "-t", "sums", "--results", "closed")
    finally:
        if is_mounted:
            subprocess.run(["umount", "closed"], check=True)

    assert failed.code == 1
    assert "error: cannot write results to closed: " in failed.err
    assert "--results" in failed.err


def test_a_folder_that_is_no_folder(bench: Any) -> None:
    Path("taken").write_text("a file")

    failed = bench.cli("run", "-m", "mock", "-t", "sums", "--results", "taken")

    assert failed.code == 1
    assert len(failed.err.strip().splitlines()) == 2
    assert "error: cannot write results to taken" in failed.err
    assert "--results" in failed.err


def test_a_folder_that_becomes_read_only(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_fd: int, _data: bytes) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(journal, "os", SimpleNamespace(**{**vars(os), "write": closed}))

    failed = bench.cli("run", "-m", "mock", "-t", "sums")

    assert failed.code == 1
    assert "Read-only file system" in failed.err
    assert "Traceback" not in failed.err


def test_a_disk_that_is_full_before_the_start(bench: Any, small_disk: Path) -> None:
    """There is room for the lock and the folders, and for nothing in them."""
    (small_disk / "filling").write_bytes(bytes(64 << 10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    failed = bench.command("run", "-m", "mock", "-t", "sums", "--results", small_disk)

    assert failed.code == 1
    (said,) = [line for line in failed.err.splitlines() if line.startswith("error: ")]
    assert "is full" in said or "File too large" in said
    assert "defect" not in failed.err and "Traceback" not in failed.err
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    (small_disk / "filling").unlink()
    mounted(small_disk, "-o", "remount,size=8m")
    assert bench.command("run", "-m", "mock", "-t", "sums", "--results", small_disk).code == 0


def test_a_folder_that_is_deleted_is_missed_at_once(bench: Any) -> None:
    slow = ("-o", "provider.kwargs.latency=0.1", "-o", "max_concurrency=1")
    process = bench.start("run", "-m", "mock", "-t", "sums", *slow)
    while "sums: 40 instances" not in process.stderr.readline():
        pass
    (run,) = (bench.folder / "results/runs").glob("2*")
    shutil.rmtree(run)
    _, err = process.communicate(timeout=3)  # all of it would take four seconds

    assert process.returncode == 1
    (said,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "was deleted while the run was being made" in said
    assert not run.exists()


@pytest.mark.parametrize("table", ["instances/sums.parquet", "metrics.parquet"])
def test_a_table_that_is_missing_from_a_complete_run(
    bench: Any, tables: Tables, table: str
) -> None:
    run = bench.evaluate("sums", skill=0.5)
    expected = tables(run)
    (Path(run.location) / table).unlink()

    shown = bench.cli("results", "show", "latest", "--all")
    with pytest.raises(OlmoEvalError, match=f"is complete, but {table} is missing") as failed:
        bench.evaluate("sums", skill=0.5)

    assert "--fresh" in str(failed.value.hint)
    assert shown.code == 0 or "with --fresh" in shown.err
    assert tables(bench.evaluate("sums", skill=0.5, fresh=True)) == expected


def test_a_table_is_written_again_from_a_journal_that_is_there(
    bench: Any, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # killed just before its last step
        patched.setattr(folder.RunFolder, "drop_journal", lambda _: None)
        run = bench.evaluate("sums", skill=0.5)
    expected = tables(run)
    (Path(run.location) / "instances/sums.parquet").unlink()
    assert "rerun its command" in bench.cli("compare", run.run_id, run.run_id).err

    again = bench.evaluate("sums", skill=0.5)

    assert again.run_id == run.run_id
    assert tables(again) == expected


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(
    bench: Any, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def no_lock(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", no_lock)

    done = bench.cli("run", "-m", "mock", "-t", "sums")

    assert done.code == 0
    assert done.err.count("the file system of results has no locks") == 1
    assert locking.is_locked(Path("results"), "0" * 16) is False
    (run,) = Store("results").runs()
    running = Run(run.location, {**run.summary, "status": "running"})
    assert running.status == "running"  # nobody can tell
