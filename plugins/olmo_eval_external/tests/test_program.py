"""The program of a framework: what it says, how it fails, and that it never outlives the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval.errors import RunFailedError, UsageError
from olmo_eval_external.program import INSIDE, Program, check_secrets

pytestmark = pytest.mark.anyio

HEAD = f"""
import os, subprocess, sys, time
sys.path.insert(0, {str(INSIDE)!r})
from channel import Channel, UsageFault, told
channel = Channel()
"""


def program(tmp_path: Path, body: str, **more: Any) -> Program:
    script = tmp_path / "script.py"
    script.write_text(HEAD + body)
    return Program(str(script), Path(sys.executable), tmp_path, tmp_path / "log.txt", **more)


async def test_events_are_heard_and_whatever_is_printed_is_the_log(tmp_path: Path) -> None:
    body = """
print("a framework's banner")
subprocess.run(["echo", "its child's words"])
channel.progress(1, channel.job["n"])
channel.send("sample", text="x" * 300_000)
"""
    heard: list[Any] = []

    await program(tmp_path, body).run({"n": 3}, heard.append)

    assert heard[0] == {"event": "progress", "done": 1, "total": 3}
    assert len(heard[1]["text"]) == 300_000
    log = (tmp_path / "log.txt").read_text()
    assert "a framework's banner" in log
    assert "its child's words" in log


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("with told(channel):\n    raise ValueError('no such split')", "ValueError: no such split"),
        ("print('the last words', file=sys.stderr); sys.exit(7)", "exit code 7: the last words"),
        ("os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
async def test_a_crash_is_told_with_the_last_words(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(RunFailedError) as failed:
        await program(tmp_path, body).run({}, print)

    assert said in failed.value.message
    assert "log.txt" in str(failed.value.hint)


async def test_a_fault_of_the_user_is_told_as_one(tmp_path: Path) -> None:
    body = "with told(channel):\n    raise UsageFault('there is no task x', 'it has y')"

    with pytest.raises(UsageError, match="there is no task x") as failed:
        await program(tmp_path, body).run({}, print)

    assert failed.value.hint == "it has y"


SLEEPS = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
channel.send("pids", own=os.getpid(), child=child.pid)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(*pids: int) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


async def test_what_runs_too_long_ends_with_all_it_started(tmp_path: Path) -> None:
    heard: list[Any] = []

    with pytest.raises(RunFailedError, match="did not finish in 2 s"):
        await program(tmp_path, SLEEPS).run({}, heard.append, timeout=2.0)

    assert gone(heard[0]["own"], heard[0]["child"])


async def test_what_is_cancelled_ends_with_all_it_started(tmp_path: Path) -> None:
    heard: list[Any] = []

    async with anyio.create_task_group() as group:

        def hear(event: Any) -> None:
            heard.append(event)
            group.cancel_scope.cancel()

        await program(tmp_path, SLEEPS).run({}, hear)

    assert gone(heard[0]["own"], heard[0]["child"])


def test_a_program_does_not_outlive_a_run_that_was_killed(tmp_path: Path) -> None:
    program(tmp_path, SLEEPS)
    code = f"""
import anyio
from pathlib import Path
from olmo_eval_external.program import Program
def hear(event):
    Path("pids").write_text(f"{{event['own']}} {{event['child']}}")
given = Program({str(tmp_path / "script.py")!r}, Path({sys.executable!r}), Path("."), Path("log"))
anyio.run(given.run, {{}}, hear)
"""
    run = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    pids = tmp_path / "pids"
    while not (pids.exists() and " " in pids.read_text()):
        assert run.poll() is None
        time.sleep(0.02)

    os.kill(run.pid, signal.SIGKILL)
    run.wait()

    assert gone(*map(int, pids.read_text().split()))


async def test_a_secret_is_passed_on_by_name_alone_and_never_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "acme-secret-31337")
    monkeypatch.setenv("OTHER_API_KEY", "other-secret-4711")
    monkeypatch.setenv("ACME_LOGIN", "login-of-acme-99")
    body = "print(*map(os.environ.get, ('ACME_TOKEN', 'ACME_LOGIN', 'OTHER_API_KEY')))"
    secrets = ["ACME_TOKEN", "ACME_LOGIN"]

    await program(tmp_path, body, secrets=secrets).run({"api_key": "key-123456789"}, print)

    assert (tmp_path / "log.txt").read_text() == "[redacted] [redacted] None\n"


def test_a_secret_that_is_not_set_is_named() -> None:
    with pytest.raises(UsageError, match="lacks ACME_NOT_THERE"):
        check_secrets(["ACME_NOT_THERE"])
