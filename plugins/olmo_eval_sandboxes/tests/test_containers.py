"""What containers keep from a program, and what is left of them: on real engines."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from attrs import evolve
from containers_here import ENGINES, small

from olmo_eval.sandbox import EnvironmentSpec, ExecResult, Sandbox, SandboxConfig, SandboxError
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_sandboxes.common import lease
from olmo_eval_sandboxes.common.engine import ContainerPlan
from olmo_eval_sandboxes.common.sandbox import ContainerSandbox
from olmo_eval_sandboxes.containers.backend import ContainerBackend
from olmo_eval_sandboxes.containers.engine import ImageEngine
from olmo_eval_sandboxes.containers.environments import LABEL

pytestmark = pytest.mark.engine

Body = Callable[[Sandbox], Awaitable[None]]


def inside(name: str, body: Body, **settings: object) -> None:
    """Run ``body`` with a fresh environment of an engine."""

    async def run() -> None:
        backend = small(name, **settings)
        await backend.start()
        try:
            box = await backend.create("test-containers")
            try:
                await body(box)
            finally:
                await box.close()
        finally:
            await backend.close()

    anyio.run(run)


async def python(box: Sandbox, source: str, timeout: float = 20.0) -> ExecResult:
    return await box.exec(["python3", "-I", "-c", source], timeout=timeout)


def test_a_program_is_confined(engine: str) -> None:
    async def body(box: Sandbox) -> None:
        status = await python(box, "print(open('/proc/self/status').read())")
        found = dict(line.split(":\t", 1) for line in status.stdout.splitlines() if ":\t" in line)
        assert found["Uid"].split() == ["65534"] * 4
        assert int(found["CapBnd"], 16) == int(found["CapEff"], 16) == 0
        assert found["NoNewPrivs"] == "1"
        assert found["Seccomp"] == "2"
        wrote = await python(box, "open('/etc/passwd', 'a')")
        assert "Read-only" in wrote.stderr or "Permission" in wrote.stderr

    inside(engine, body)


def test_there_is_no_network(engine: str) -> None:
    source = (
        "import os, socket\n"
        "print(os.listdir('/sys/class/net'))\n"
        "try:\n    socket.create_connection(('192.0.2.1', 80), 2)\n"
        "except OSError as error:\n    print('refused', error.errno)\n"
    )

    async def body(box: Sandbox) -> None:
        said = (await python(box, source)).stdout.splitlines()
        assert said[0] == "['lo']"
        assert said[1] == "refused 101"

    inside(engine, body)


def test_a_full_disk_is_the_programs_own(engine: str) -> None:
    source = "f = open('big', 'wb')\nfor _ in range(64):\n    f.write(bytes(1 << 20)); f.flush()"

    async def body(box: Sandbox) -> None:
        filled = await python(box, source)
        assert filled.exit_code == 1
        assert "No space left" in filled.stderr or "File too large" in filled.stderr
        assert (await box.exec(["rm", "big"])).ok
        assert (await python(box, "open('small', 'w').write('x')")).ok

    inside(engine, body)


@pytest.mark.parametrize(
    "attack",
    [
        "import os; os.kill(1, 9)",
        "import os; os.kill(-1, 9)",
        "import os; os.kill(os.getppid(), 9)",
        "import os; os.kill(os.getppid(), 19)",
        "import os; os.kill(-1, 19)",
        "print(open('/proc/1/environ').read())",
        "import os; print(os.listdir('/proc/1/fd'))",
        "open('/proc/1/mem', 'r+b').write(b'x')",
    ],
)
def test_the_relay_is_out_of_reach(engine: str, attack: str) -> None:
    async def body(box: Sandbox) -> None:
        with anyio.fail_after(30):
            attacked = await python(box, attack, timeout=10.0)
        if "open" in attack or "listdir" in attack:
            assert "Permission" in attacked.stderr
        after = await box.exec(["echo", "still here"])
        assert after.stdout == "still here\n"

    inside(engine, body)


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGSTOP"])
def test_ending_its_supervisor_is_no_success(engine: str, signal_name: str) -> None:
    source = f"import os, signal\nos.kill(os.getppid(), signal.{signal_name})\n"

    async def body(box: Sandbox) -> None:
        with anyio.fail_after(30):
            result = await python(box, source, timeout=3.0)
        assert not result.ok
        assert "ended the process that watched it" in result.stderr
        assert not await box.reset()

    inside(engine, body)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_a_nursery_that_was_harmed_is_replaced(engine: str, name: str) -> None:
    source = (
        "import os, signal\n"
        "stat = open(f'/proc/{os.getppid()}/stat').read()\n"
        f"os.kill(int(stat.rpartition(')')[2].split()[1]), signal.{name})\n"
    )

    async def body(box: Sandbox) -> None:
        found = set()
        for _turn in range(2):
            assert (await python(box, source)).ok
            assert (await python(box, "print('here')")).stdout == "here\n"
            assert await box.reset()
            found.add((await python(box, "import os; print(os.getppid())")).ok)
        assert found == {True}

    inside(engine, body)


_HOLDER = """
import sys, anyio
sys.path.insert(0, {tests!r})
from containers_here import small
async def main():
    backend = small({name!r})
    await backend.start()
    box = await backend.create("killed-run")
    print(box.id, flush=True)
    await box.exec(["sleep", "60"])
anyio.run(main)
"""


def connected(name: str) -> ImageEngine:
    found = ENGINES[name].engine()
    found.connect()
    return found


def kill_a_run(name: str) -> str:
    """Kill a process that holds an environment; the id of its container."""
    script = _HOLDER.format(tests=os.path.dirname(__file__), name=name)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    made = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait()
    return made


def test_nothing_is_left_of_a_run_that_is_killed(engine: str) -> None:
    known = connected(engine)
    foreign = known.open(plan_without_lease())

    async def body(mine: Sandbox) -> None:
        assert isinstance(mine, ContainerSandbox)
        made = await anyio.to_thread.run_sync(kill_a_run, engine)
        assert made
        backend = small(engine)
        await backend.start()
        await backend.reap()
        await backend.close()
        left = {c.id for c in known.listed(lease.RUN)}
        for _ in range(100):
            if made not in left:
                break
            await anyio.sleep(0.1)  # the engine's own removal may be under way
            left = {c.id for c in known.listed(lease.RUN)}
        assert made not in left and mine.id in left
        assert (await mine.exec(["true"])).ok

    try:
        inside(engine, body)
        assert known.running(foreign.id)
    finally:
        known.remove(foreign.id)
        known.close()


def plan_without_lease() -> ContainerPlan:
    """Somebody else's container."""
    image = os.environ["OLMO_EVAL_SANDBOX_IMAGE"]
    return ContainerPlan(image, ("sleep", "600"), {}, memory=64 << 20, cpus=1.0, pids=16)


SPEC = EnvironmentSpec(
    files={"src/app.py": "print(41)\n"},
    setup=(
        "sed -i s/41/42/ src/app.py",
        "date +%s%N > made",
        "mkdir -p /srv/data && echo x > /srv/data/y",
    ),
)


def test_an_environment_is_made_once_and_used_again(engine: str) -> None:
    async def main() -> None:
        config = SandboxConfig(mode=engine, memory="256m", disk="32m", instances=1)
        async with SandboxPlanner([config]) as planner:
            seen = []
            for _episode in range(3):
                binding = planner.binding(["bash"], SPEC)
                box = await binding.get("bash")
                ran = await box.exec(["python3", "src/app.py"])
                kept = await box.exec(["cat", "/srv/data/y", "made"])
                assert (ran.stdout, kept.stdout[:2]) == ("42\n", "x\n")
                assert "left" not in (await box.exec(["ls", "-a", "/tmp", "."])).stdout
                await box.exec(["sh", "-c", "echo left > left; echo left > /tmp/left; rm -r src"])
                seen.append((box, kept.stdout))
                await binding.close()
            assert len({made for _box, made in seen}) == 1
            assert len({id(box) for box, _made in seen}) == planner.created == 1

    anyio.run(main)


def test_an_environment_that_broke_a_limit_is_not_used_again(engine: str) -> None:
    async def main() -> None:
        config = SandboxConfig(mode=engine, memory="256m", instances=1)
        async with SandboxPlanner([config]) as planner:
            for command in (["sleep", "60"], ["true"]):
                binding = planner.binding(["bash"])
                box = await binding.get("bash")
                await box.exec(command, timeout=1.0)
                await binding.close()
            assert planner.created == 2

    anyio.run(main)


def test_a_volume_is_read_and_not_written(engine: str, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "corpus.txt").write_text("words")
    for folder in (shared, *shared.parents[:3]):  # everybody may look
        folder.chmod(0o755)

    async def body(box: Sandbox) -> None:
        assert (await box.exec(["cat", "/corpus/corpus.txt"])).stdout == "words"
        wrote = await box.exec(["sh", "-c", "echo x > /corpus/new"])
        assert not wrote.ok and not (shared / "new").exists()
        assert (await box.exec(["sh", "-c", "echo $COLOUR"])).stdout == "blue\n"

    inside(engine, body, volumes=(f"{shared}:/corpus",), docker_args=("--env", "COLOUR=blue"))


def test_what_was_built_is_listed(engine: str) -> None:
    async def main() -> None:
        backend = small(engine)
        await backend.start()
        try:
            await backend.prepare("test-images", SPEC)
            names = {image.name for image in await backend.images() if image.size > 0}
        finally:
            await backend.close()
        assert any(name.startswith("localhost/olmo-eval-environment:") for name in names)

    anyio.run(main)


def test_an_image_is_removed_once_no_environment_uses_it(engine: str) -> None:
    spec = EnvironmentSpec(setup=(f"echo {os.urandom(8).hex()} > made",))

    async def main() -> None:
        backend = small(engine)
        await backend.start()
        try:
            before = {image.name for image in await backend.images()}
            box = await backend.create("test-images", spec)
            (name,) = {image.name for image in await backend.images()} - before
            try:
                with pytest.raises(SandboxError, match="could not remove the image"):
                    await backend.remove_image(name)
                assert (await box.exec(["cat", "made"])).ok
            finally:
                await box.close()
            await backend.remove_image(name)
            await backend.remove_image(name)  # it is not there any more, as it should be
            assert name not in {image.name for image in await backend.images()}
        finally:
            await backend.close()

    anyio.run(main)


def test_of_two_who_want_the_same_one_builds(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = EnvironmentSpec(setup=(f"echo {os.urandom(8).hex()} > made",))
    builds: list[str] = []
    build = ContainerBackend._build

    async def counted(self: ContainerBackend, run_id: str, *rest: Any) -> None:
        builds.append(run_id)
        await build(self, run_id, *rest)

    monkeypatch.setattr(ContainerBackend, "_build", counted)

    async def one(run_id: str) -> None:
        backend = small(engine)
        await backend.start()
        try:
            await backend.prepare(run_id, spec)
        finally:
            await backend.close()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(one, "first")
            group.start_soon(one, "second")

    known = connected(engine)
    before = {image.name for image in known.images(LABEL)}
    try:
        anyio.run(main)
        assert len(builds) == 1
    finally:
        for image in known.images(LABEL):
            if image.name not in before:
                known._client.images.remove(image.name, force=True)  # type: ignore[attr-defined]
        known.close()


def test_a_working_folder_that_the_image_closes_is_open_or_told(engine: str) -> None:
    """An image whose build made the folder, as root and for root."""
    known = connected(engine)
    name = "localhost/olmo-eval-test:closed-folder"
    made = known.open(
        evolve(
            plan_without_lease(),
            command=("sh", "-c", "rmdir /workspace; mkdir -m 755 /workspace; sleep 60"),
            user="0:0",
            read_only=False,
            confined=False,
        )
    )
    time.sleep(1.0)

    async def body(box: Sandbox) -> None:
        assert (await box.exec(["touch", "mine"])).ok

    async def prepared() -> None:
        backend = small(engine, image=name)
        await backend.start()
        spec = EnvironmentSpec(setup=("echo kept > kept",))
        try:
            box = await backend.create("test-closed", spec)
            assert (await box.exec(["sh", "-c", "cat kept && touch mine"])).stdout == "kept\n"
            await box.close()
        finally:
            await backend.close()

    try:
        known.commit(made.id, name, {LABEL: "test"})
        if engine == "docker":
            inside(engine, body, image=name)
        else:
            with contextlib.suppress(SetupError):
                inside(engine, body, image=name)
        anyio.run(prepared)
    finally:
        known.remove(made.id)
        for image in known.images(LABEL):
            if image.name == name:
                known._client.images.remove(name, force=True)  # type: ignore[attr-defined]
        known.close()


@pytest.mark.parametrize("pull", ["missing", "always", "never"])
def test_an_image_that_cannot_be_had_is_named_with_the_way_out(engine: str, pull: str) -> None:
    async def main() -> None:
        backend = small(engine, image="localhost/olmo-eval-no-such-image:1", image_pull=pull)
        await backend.start()
        try:
            await backend.prepare("test-no-image", None)
        finally:
            await backend.close()

    with pytest.raises(SandboxError, match=r"image localhost/olmo-eval-no-such-image:1") as caught:
        anyio.run(main)
    assert "OLMO_EVAL_SANDBOX_IMAGE" in (caught.value.hint or "")
