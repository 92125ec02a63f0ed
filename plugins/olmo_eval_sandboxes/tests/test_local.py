"""What the local backend does beyond the contract: nothing survives, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

from olmo_eval.errors import UsageError
from olmo_eval.harness.config import SandboxConfig
from olmo_eval.plugins import fresh_manager
from olmo_eval.sandbox import SandboxError
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_sandboxes.local.backend import LocalBackend
from olmo_eval_sandboxes.local.sandbox import LocalSandbox

CONFIG = SandboxConfig(mode="local", unsafe_local=True, memory="128m", pids=64, output_limit="64k")


def in_sandbox(
    body: Callable[[LocalSandbox], Awaitable[None]], config: SandboxConfig = CONFIG
) -> None:
    async def main() -> None:
        backend = LocalBackend(config)
        await backend.start()
        try:
            box = await backend.create("run 1/ü")
            try:
                await body(box)
            finally:
                await box.close()
            assert not box.files.folder.exists()
        finally:
            await backend.close()

    anyio.run(main)


def marked(marker: str) -> list[str]:
    """Command lines of living or undead processes that name ``marker``."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if marker in line:
                found.append(line)
    return found


def zombies() -> int:
    """Children of supervisors that have ended and that nobody has collected."""
    listing = subprocess.run(["ps", "-eo", "stat,ppid"], capture_output=True, text=True).stdout
    parents = [line.split()[1] for line in listing.splitlines() if line.startswith("Z")]
    return sum(_supervises(parent) for parent in parents)


def _supervises(pid: str) -> bool:
    try:
        return b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


ESCAPES = {
    "setsid": "setsid sleep {n} & sleep {n}",
    "double fork": "(setsid sh -c 'sleep {n} & sleep {n}' &) ; sleep {n}",
    "clean environment": "env -i setsid nohup sleep {n} & sleep {n}",
    "stubborn": "trap '' TERM INT HUP; sleep {n} & while :; do sleep {n}; done",
}


@pytest.mark.parametrize("how", ESCAPES)
def test_no_process_escapes_a_timeout(how: str) -> None:
    number = f"{time.time_ns() % 10**9}.77"

    async def body(box: LocalSandbox) -> None:
        result = await box.exec(["sh", "-c", ESCAPES[how].format(n=number)], timeout=0.5)
        assert result.timed_out
        assert marked(number) == []

    in_sandbox(body)


def test_what_a_command_leaves_behind_ends_with_it() -> None:
    number = f"{time.time_ns() % 10**9}.78"

    async def body(box: LocalSandbox) -> None:
        before = zombies()
        for _ in range(5):
            result = await box.exec(["sh", "-c", f"setsid sleep {number} & echo done"])
            assert result.stdout == "done\n" and result.seconds < 10
        assert marked(number) == []
        assert zombies() <= before

    in_sandbox(body)


BOMBS = {
    "plain": "import os\nwhile True:\n    os.fork()",
    "each in its own session": "import os\nwhile True:\n    if os.fork() == 0: os.setsid()",
    "never the same process": "import os\nwhile True:\n    if os.fork(): os._exit(0)",
    "that does not give up": (
        "import os\nwhile True:\n    try: os.fork()\n    except BlockingIOError: pass"
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_fork_bomb_is_put_out(bomb: str) -> None:
    async def body(box: LocalSandbox) -> None:
        await box.write("bomb.py", BOMBS[bomb].encode())
        with anyio.fail_after(30):
            await box.exec(["python3", "bomb.py"], timeout=1)
        assert marked(f"{box.files.folder}/bomb.py") == marked("python3 bomb.py") == []
        assert (await box.exec(["echo", "fine"])).stdout == "fine\n"

    in_sandbox(body)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_under_root_a_command_is_nobody() -> None:
    async def body(box: LocalSandbox) -> None:
        result = await box.exec(["sh", "-c", "id -u; cat /etc/shadow; kill -9 $PPID"])
        assert int(result.stdout) != 0
        assert "ermission denied" in result.stderr

    in_sandbox(body)


def test_memory_is_counted_over_all_processes() -> None:
    code = (
        "import os, time\n"
        "for _ in range(3): os.fork()\n"
        "x = bytearray(b'x') * 60_000_000\n"
        "time.sleep(20)"
    )

    async def body(box: LocalSandbox) -> None:
        result = await box.exec(["python3", "-c", code], timeout=15)
        assert result.exit_code == 137 and "memory" in result.stderr

    in_sandbox(body)


def test_a_file_cannot_fill_the_disk() -> None:
    async def body(box: LocalSandbox) -> None:
        result = await box.exec(["sh", "-c", "head -c 9000000 /dev/zero > big"])
        assert not result.ok
        assert len(await box.read("big")) <= 2**20

    in_sandbox(
        body,
        SandboxConfig(mode="local", unsafe_local=True, kwargs={"file_size": "1m"}),
    )


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_paths_stay_inside(mode: str) -> None:
    async def body(box: LocalSandbox) -> None:
        await box.write("/workspace/a.txt", b"1")
        assert await box.read("a.txt") == b"1"
        await box.exec(["ln", "-s", "/etc", "link"])
        for path in ("/etc/passwd", "../other", "link/passwd"):
            with pytest.raises((SandboxError, FileNotFoundError)):
                await box.read(path)

    in_sandbox(body, evolve(CONFIG, kwargs={"namespaces": mode}))


def test_nothing_survives_the_death_of_the_run(tmp_path: Path) -> None:
    number = f"{time.time_ns() % 10**9}.79"
    script = tmp_path / "run.py"
    script.write_text(
        "import anyio\n"
        "from olmo_eval.sandbox.config import SandboxConfig\n"
        "from olmo_eval_sandboxes.local.backend import LocalBackend\n"
        "async def main():\n"
        "    backend = LocalBackend(SandboxConfig(mode='local', unsafe_local=True))\n"
        "    await backend.start()\n"
        "    box = await backend.create('r')\n"
        "    print(box.files.folder, flush=True)\n"
        f"    await box.exec(['sh', '-c', 'setsid sleep {number}'], timeout=60)\n"
        "anyio.run(main)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    run = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    folder = Path(run.stdout.readline().strip())
    assert folder.is_dir()
    try:
        wait_until(lambda: len(marked(f"sleep {number}")) > 0)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    wait_until(lambda: marked(number) == [])
    wait_until(lambda: not folder.parent.exists())


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_many_at_once_through_the_planner() -> None:
    async def main() -> list[str]:
        config = SandboxConfig(mode="local", unsafe_local=True, instances=4)
        results: list[str] = []

        async def one(planner: SandboxPlanner, number: int) -> None:
            binding = planner.binding(["python"])
            box = await binding.get("python")
            found = await box.exec(["sh", "-c", f"ls; echo {number} > f; cat f"])
            results.append(found.stdout)
            await binding.close()

        async with SandboxPlanner([config]) as planner:
            async with anyio.create_task_group() as group:
                for number in range(24):
                    group.start_soon(one, planner, number)
            assert planner.created == 24
        return results

    with fresh_manager(["olmo_eval_sandboxes.plugin"]):
        results = anyio.run(main)
    assert sorted(results, key=int) == [f"{n}\n" for n in range(24)]


def test_it_is_refused_unless_accepted_by_name() -> None:
    async def main() -> None:
        config = SandboxConfig(mode="local", kwargs={"namespaces": "off"})
        async with SandboxPlanner([config]) as planner:
            with pytest.raises(UsageError, match="does not isolate"):
                await planner.binding(["python"]).get("python")

    with fresh_manager(["olmo_eval_sandboxes.plugin"]):
        anyio.run(main)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kwargs": {"file_sise": "1m"}}, "no setting 'file_sise'"),
        ({"kwargs": {"namespaces": "on"}}, "one of auto, require, off, not 'on'"),
        ({"image": "python:3.12"}, "cannot start the image 'python:3.12'"),
        ({"volumes": ("/data:/data",)}, "cannot honour volumes"),
    ],
)
def test_settings_that_it_cannot_honour_are_refused(settings: dict[str, Any], told: str) -> None:
    (reason,) = LocalBackend.refusals(SandboxConfig(mode="local", **settings))

    assert told in reason
