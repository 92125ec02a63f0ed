"""What a command of the local backend sees and can do where it has namespaces of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

from olmo_eval.plugins import fresh_manager
from olmo_eval.sandbox import EnvironmentSpec, SandboxConfig, SandboxError
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval.sandbox.pool import make_backend
from olmo_eval_sandboxes.inside import supervisor
from olmo_eval_sandboxes.local import namespaces
from olmo_eval_sandboxes.local.backend import LocalBackend
from olmo_eval_sandboxes.local.sandbox import LocalSandbox

CONFIG = SandboxConfig(
    mode="local", memory="128m", pids=16, kwargs={"namespaces": "require"}, setup_network=False
)
Body = Callable[[LocalSandbox], Awaitable[None]]


@pytest.fixture(autouse=True)
def _needed() -> None:
    if why := namespaces.why_not(CONFIG):
        pytest.skip(f"no namespaces here: {why}")


def in_sandbox(
    body: Body, config: SandboxConfig = CONFIG, spec: EnvironmentSpec | None = None
) -> None:
    async def main() -> None:
        backend = LocalBackend(config)
        await backend.start()
        try:
            box = await backend.create("test", spec)
            try:
                await body(box)
            finally:
                await box.close()
        finally:
            await backend.close()

    anyio.run(main)


async def shell(box: LocalSandbox, line: str) -> str:
    """What a line of shell prints, its errors as well."""
    done = await box.exec(["sh", "-c", line])
    return (done.stdout + done.stderr).strip()


def test_it_isolates_and_needs_no_consent() -> None:
    async def body(box: LocalSandbox) -> None:
        assert await shell(box, "echo here") == "here"

    assert not CONFIG.unsafe_local
    with fresh_manager(["olmo_eval_sandboxes.plugin"]):
        assert isinstance(make_backend(CONFIG), LocalBackend)
    in_sandbox(body)


def test_nothing_of_the_machine_is_seen_but_the_system_and_python(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    tmp_path.chmod(0o755)

    async def body(box: LocalSandbox) -> None:
        assert "hunter2" not in await shell(box, f"cat {secret}")
        assert await shell(box, "ls -A /tmp . ") == ".:\n\n/tmp:"
        assert await shell(box, "echo /proc/[0-9]*; hostname") == "/proc/1 /proc/2\nsandbox"
        assert "No such file" in await shell(box, "ls /home /run /var")

    in_sandbox(body)


def test_only_its_folders_can_be_written_to() -> None:
    async def body(box: LocalSandbox) -> None:
        written = await shell(box, "for d in / /etc /usr /dev /proc /sys; do (: > $d/x); done")
        assert len([line for line in written.splitlines() if "cannot create" in line]) == 6
        assert await shell(box, "echo kept > kept; echo kept > /tmp/kept; cat kept") == "kept"
        assert await box.read("/tmp/kept") == await box.read("kept") == b"kept\n"

    in_sandbox(body)


def test_there_is_no_network_but_its_own() -> None:
    """Not even the machine's own services, by address or by an abstract name."""
    name = f"\0olmo-eval-test-{os.getpid()}"
    source = (
        "import socket\n"
        "for place in (('127.0.0.1', {port}), {name!r}):\n"
        "    kind = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET\n"
        "    try:\n        socket.socket(kind).connect(place); print('reached')\n"
        "    except OSError as error: print(error.strerror)\n"
        "there = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(there.getsockname()); print('its own')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as other:
        other.bind(name)
        other.listen()
        code = source.format(port=server.getsockname()[1], name=name)

        async def body(box: LocalSandbox) -> None:
            done = await box.exec(["python3", "-I", "-c", code])
            assert done.stdout.splitlines() == ["Connection refused"] * 2 + ["its own"], done

        in_sandbox(body)


def test_network_true_is_the_machines_and_no_promise() -> None:
    config = evolve(CONFIG, network=True)

    async def body(box: LocalSandbox) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            code = f"import socket; socket.create_connection(('127.0.0.1', {port})); print('it')"
            assert (await box.exec(["python3", "-I", "-c", code])).stdout == "it\n"

    async def promised() -> frozenset[str]:
        backend = LocalBackend(config)
        await backend.start()
        await backend.close()
        return backend.enforces

    in_sandbox(body, config)
    assert "network" not in anyio.run(promised)
    assert "read_only" in anyio.run(promised)


@pytest.mark.parametrize("setup_network", [False, True])
def test_set_up_commands_have_the_network_that_they_may_have(setup_network: bool) -> None:
    spec = EnvironmentSpec(
        files={"given": "1"},
        setup=("cat given > made", "readlink /proc/self/ns/net > used"),
    )

    async def body(box: LocalSandbox) -> None:
        assert await box.read("made") == b"1"
        machines = os.readlink("/proc/self/ns/net")
        assert ((await box.read("used")).decode().strip() == machines) == setup_network
        assert await shell(box, "readlink /proc/self/ns/net") != machines

    in_sandbox(body, evolve(CONFIG, setup_network=setup_network), spec)


@pytest.mark.parametrize("attack", ["kill -9 1", "kill -STOP 1", "kill -INT 1", "kill -9 -1"])
def test_the_first_process_is_out_of_reach(attack: str) -> None:
    async def body(box: LocalSandbox) -> None:
        done = await box.exec(["sh", "-c", f"{attack}; echo on; exit 7"], timeout=10.0)
        assert (done.exit_code, done.stdout) in ((7, "on\n"), (137, ""))
        assert "denied" in await shell(box, "cat /proc/1/environ; cat /proc/1/mem")

    in_sandbox(body)


def test_no_capabilities_are_to_be_had() -> None:
    async def body(box: LocalSandbox) -> None:
        status = await shell(box, "cat /proc/self/status")
        found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0
        assert found["NoNewPrivs"] == "1"
        assert "not permitted" in await shell(box, "unshare --user --map-root-user true")

    in_sandbox(body)


def test_nothing_runs_on_and_nothing_is_shared_from_one_command_to_the_next() -> None:
    async def body(box: LocalSandbox) -> None:
        await shell(box, "(setsid sleep 60 &); ipcmk -M 100; echo x > /dev/shm/x")
        assert await shell(box, "echo /proc/[0-9]*; ls /dev/shm") == "/proc/1 /proc/2"
        assert (await shell(box, "cat /proc/sysvipc/shm")).count("\n") == 0

    in_sandbox(body)


def test_its_first_process_is_none_of_its_processes() -> None:
    async def body(box: LocalSandbox) -> None:
        assert await shell(box, "exec sleep 0.2") == ""

    in_sandbox(body, evolve(CONFIG, pids=1))


def test_links_mean_what_they_mean_inside() -> None:
    async def body(box: LocalSandbox) -> None:
        await shell(box, "mkdir -p a/b; ln -s /workspace/a abs; ln -s /etc/passwd out; ln -s / up")
        await box.write("abs/b/c/file", b"1")
        assert await shell(box, "cat a/b/c/file") == "1"
        await box.write("/tmp/deep/file", b"2")
        assert await shell(box, "cat /tmp/deep/file") == "2"
        for path in ("out", "up/etc/passwd", "../../etc/passwd", "/proc/self/environ"):
            with pytest.raises(FileNotFoundError):
                await box.read(path)
        await shell(box, "mkfifo pipe")
        with pytest.raises(OSError):
            await box.read("pipe")

    in_sandbox(body)


def test_what_cannot_be_made_is_the_environments_failure_and_told_before() -> None:
    """Below a folder that is read-only there is no place for the working folder."""
    config = evolve(CONFIG, working_dir="/usr/olmo-eval/there")

    assert "Read-only file system" in namespaces.why_not(config)
    assert not LocalBackend.isolated(config)
    assert "can have no namespaces here" in LocalBackend.refusals(config)[0]

    async def body(box: LocalSandbox) -> None:
        box.files.working_dir = "/usr/olmo-eval/there"
        with pytest.raises(SandboxError, match="no namespaces for a command"):
            await box.exec(["true"])

    in_sandbox(body)


def test_many_at_once() -> None:
    async def main() -> list[str]:
        said: list[str] = []

        async def one(planner: SandboxPlanner, number: int) -> None:
            binding = planner.binding(["python"])
            box = await binding.get("python")
            said.append((await box.exec(["sh", "-c", f"ls; echo {number} > f; cat f"])).stdout)
            await binding.close()

        planner = SandboxPlanner([evolve(CONFIG, instances=4)])
        async with planner, anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(one, planner, number)
        return said

    with fresh_manager(["olmo_eval_sandboxes.plugin"]):
        assert sorted(anyio.run(main), key=int) == [f"{n}\n" for n in range(12)]


_AS_A_PLAIN_USER = """
import json, os, socket, sys
sys.path.append(sys.argv[1])
from olmo_eval_sandboxes.inside import supervisor
ours, theirs = socket.socketpair()
if os.fork() == 0:
    ours.close()
    supervisor.supervise(theirs, [0, 1, 2])
theirs.close()
ours.sendall(sys.argv[2].encode() + b"\\n")
print(ours.makefile().readline(), end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests show it")
def test_a_plain_user_gets_a_user_namespace(tmp_path: Path) -> None:
    """The system's Python, since this one may be out of that user's reach."""
    program = Path("/usr/bin/python3")
    source = Path(supervisor.__file__).parents[2]
    user = 54_321
    if not program.exists() or not os.stat(source).st_mode & 0o001:
        pytest.skip("neither a Python nor this package that everybody may read")
    covered, working = Path("/tmp") / f"olmo-eval-{os.getpid()}-c", tmp_path / "w"
    for folder in (covered, working):
        folder.mkdir()
        os.chown(folder, user, user)
    for parent in tmp_path.parents[:3]:
        if str(parent) not in ("/", "/tmp"):
            parent.chmod(0o711)
    tmp_path.chmod(0o711)
    line = (
        "id -u; grep CapEff /proc/self/status; echo /proc/[0-9]*; "
        "ls /sys/class/net; unshare -U true || kill -9 1; echo mine > mine; (: > /etc/x); exit 5"
    )
    command: dict[str, Any] = {
        "argv": ["sh", "-c", line],
        "cwd": "/workspace",
        "env": {"PATH": "/usr/bin:/bin"},
        "user": None,
        "limits": {
            "memory": 1 << 28,
            "processes": 32,
            "user_processes": 1 << 12,
            "cpu_seconds": 20,
            "file_size": 1 << 20,
            "open_files": 64,
        },
        "enclosure": {
            "covered": str(covered),
            "readable": [
                path for path in namespaces.readable_folders(False) if path.count("/") == 1
            ],
            "writable": {"/workspace": str(working)},
            "network": False,
            "shared_memory": 1 << 20,
        },
    }
    try:
        done = subprocess.run(
            [program, "-I", "-S", "-c", _AS_A_PLAIN_USER, str(source), json.dumps(command)],
            user=user,
            group=user,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=30,
            env={},
            cwd="/",
        )
    finally:
        covered.rmdir()

    *said, report = done.stdout.splitlines()
    assert said == [str(user), "CapEff:\t0000000000000000", "/proc/1 /proc/2", "lo"], done
    assert json.loads(report)["exit"] == 5, done
    assert "Operation not permitted" in done.stderr and "Read-only" in done.stderr
    assert (working / "mine").read_text() == "mine\n"
