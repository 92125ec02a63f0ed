"""What holds in Modal and in Kubernetes alike; their services are on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import pytest
from clouds_here import small

from olmo_eval.sandbox import EnvironmentSpec, Sandbox, SandboxConfig, SandboxError
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_sandboxes.common.backend import RelayBackend
from olmo_eval_sandboxes.common.sandbox import ContainerSandbox

pytestmark = pytest.mark.engine

Body = Callable[[RelayBackend, ContainerSandbox], Awaitable[None]]


def inside(name: str, body: Body, spec: EnvironmentSpec | None = None, **settings: object) -> None:
    """Run ``body`` with a backend and a fresh environment."""

    async def run() -> None:
        backend = small(name, **settings)
        await backend.start()
        try:
            box = await backend.create("test-clouds", spec)
            assert isinstance(box, ContainerSandbox)
            try:
                await body(backend, box)
            finally:
                await box.close()
        finally:
            await backend.close()

    anyio.run(run)


_HOLDER = """
import sys, anyio
sys.path.insert(0, {tests!r})
from clouds_here import small
async def main():
    backend = small({name!r})
    await backend.start()
    box = await backend.create("killed-run")
    print(box.id, flush=True)
    await box.exec(["sleep", "60"])
anyio.run(main)
"""


def kill_a_run(name: str) -> str:
    """Kill a process that holds an environment; the id of that."""
    script = _HOLDER.format(tests=os.path.dirname(__file__), name=name)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    made = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return made


def test_nothing_is_left_of_a_run_that_is_killed(cloud: str) -> None:
    async def body(backend: RelayBackend, mine: ContainerSandbox) -> None:
        made = await anyio.to_thread.run_sync(kill_a_run, cloud)
        before = {lease.id: lease for lease in await backend.leases()}
        assert before[made].expired and not before[mine.id].expired
        assert before[made].run_id == "killed-run"
        assert await backend.reap() == [made]
        assert {lease.id for lease in await backend.leases()} == {mine.id}
        assert (await mine.exec(["true"])).ok

    inside(cloud, body)


def test_an_environment_is_used_again_and_is_as_new(cloud: str) -> None:
    change = "sed -i s/41/42/ src/app.py"
    spec = EnvironmentSpec(files={"src/app.py": "print(41)\n"}, setup=(change,))

    async def main() -> None:
        config = SandboxConfig(mode=cloud, memory="256m", disk="32m", instances=1)
        async with SandboxPlanner([config]) as planner:
            for _episode in range(2):
                binding = planner.binding(["bash"], spec)
                box = await binding.get("bash")
                assert (await box.exec(["python3", "src/app.py"])).stdout == "42\n"
                assert "left" not in (await box.exec(["ls", "-a", "/tmp", "."])).stdout
                await box.exec(["sh", "-c", "echo left | tee left /tmp/left; rm -r src"])
                await box.exec(["sh", "-c", "sleep 600 &"])
                await binding.close()
            assert planner.created == 1

    anyio.run(main)


#: what a program may try to be heard instead of its relay, or to see what that knows
ATTACKS = (
    "import os; os.kill(1, 9)",
    "import os; os.kill(1, 2)",
    "import os; os.kill(os.getppid(), 9)",
    "import os\n"
    "for name in os.listdir('/proc'):\n"
    "    if name.isdigit() and int(name) != os.getpid():\n"
    "        open(f'/proc/{name}/fd/1', 'wb').write(b'x')",
    "import os\n"
    "for name in os.listdir('/proc'):\n"
    "    if name.isdigit() and int(name) != os.getpid():\n"
    "        open(f'/proc/{name}/mem', 'r+b')",
)


def test_the_relay_is_out_of_reach(cloud: str) -> None:
    async def body(backend: RelayBackend, box: ContainerSandbox) -> None:
        for attack in ATTACKS:
            with anyio.fail_after(30):
                attacked = await box.exec(["python3", "-I", "-c", attack], timeout=10.0)
            assert "open" not in attack or "Permission" in attacked.stderr, attack
            assert (await box.exec(["echo", "here"])).stdout == "here\n", attack

    inside(cloud, body)


@pytest.mark.parametrize("order", ["SIGKILL", "SIGSTOP"])
def test_ending_all_that_it_may_is_no_success(cloud: str, order: str) -> None:
    source = f"import os, signal, sys\nos.kill(-1, signal.{order})\nsys.exit(0)"

    async def body(backend: RelayBackend, box: ContainerSandbox) -> None:
        with anyio.fail_after(30):
            result = await box.exec(["python3", "-I", "-c", source], timeout=10.0)
        # its own signal spares a program, and a relay that is another user's
        assert result.ok == (cloud == "modal")
        assert result.ok or "killed" in result.stderr

    inside(cloud, body)


def end_sandbox(name: str) -> None:
    import modal

    modal.Sandbox.from_id(name).terminate()


def delete_pod(name: str) -> None:
    from kubernetes import client, config

    file = os.environ["KUBECONFIG"]
    pods = client.CoreV1Api(config.new_client_from_config(file, persist_config=False))
    pods.delete_namespaced_pod(name, "evaluations", grace_period_seconds=0)
    pods.api_client.close()


TAKE_AWAY = {"modal": end_sandbox, "kubernetes": delete_pod}


def test_an_environment_that_is_taken_away_is_no_failure_of_the_program(cloud: str) -> None:
    async def body(backend: RelayBackend, box: ContainerSandbox) -> None:
        async def end_it() -> None:
            await anyio.sleep(1.0)
            await anyio.to_thread.run_sync(TAKE_AWAY[cloud], box.id)

        async with anyio.create_task_group() as group:
            group.start_soon(end_it)
            with pytest.raises(SandboxError):
                await box.exec(["sleep", "60"])

    inside(cloud, body)


def test_an_image_that_is_not_there_is_told(cloud: str) -> None:
    async def main() -> None:
        backend = small(cloud, image="localhost/no-such-image:1", startup_timeout=20.0)
        await backend.start()
        try:
            with pytest.raises(SandboxError, match="no-such-image"):
                await backend.create("test-clouds")
        finally:
            await backend.close()

    anyio.run(main)


def test_much_goes_both_ways_at_once(cloud: str) -> None:
    data = bytes(range(256)) * 4096

    async def body(backend: RelayBackend, box: ContainerSandbox) -> None:
        async def echo(_number: int) -> None:
            result = await box.exec(["sh", "-c", "cat > $0 && md5sum < $0; cat $0", f"f{_number}"],
                                    stdin=data)  # fmt: skip
            assert result.ok and len(result.stdout) > 1_000_000

        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(echo, number)
        assert await box.read("f3") == data

    inside(cloud, body, output_limit="4m")


def test_what_a_command_leaves_in_the_background_ends_with_it(cloud: str) -> None:
    source = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while True: open('alive', 'w').write(str(time.time_ns()))\n"
        "time.sleep(0.5)\n"
    )

    async def body(backend: RelayBackend, box: Sandbox) -> None:
        await box.exec(["python3", "-I", "-c", source])
        first = await box.read("alive")
        await anyio.sleep(0.5)
        assert await box.read("alive") == first

    inside(cloud, body)
