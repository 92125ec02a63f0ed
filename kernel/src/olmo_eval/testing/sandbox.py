"""Does a sandbox backend keep the kernel's contract? One line in a plugin's tests::

    from olmo_eval.testing.sandbox import sandbox_contract

    test_contract = sandbox_contract(lambda: LocalBackend(SandboxConfig(unsafe_local=True)))

Each check runs real commands (``sh`` and ``python3`` must be inside) in a fresh environment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from olmo_eval.sandbox import EnvironmentSpec, Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.config import parse_size
from olmo_eval.sandbox.furnish import open_sandbox
from olmo_eval.sandbox.probes import PROBES, Probe

Check = Callable[[SandboxBackend, Sandbox], Awaitable[None]]

CHECKS: dict[str, Check] = {}


def _check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


@_check
async def exit_codes_are_results(backend: SandboxBackend, box: Sandbox) -> None:
    result = await box.exec(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert not result.timed_out and not result.truncated and not result.ok


@_check
async def arguments_are_no_shell_text(backend: SandboxBackend, box: Sandbox) -> None:
    text = "a b'c\"d $HOME `id`\n*"
    result = await box.exec(["python3", "-c", "import sys; print(sys.argv[1], end='')", text])
    assert result.stdout == text


@_check
async def a_missing_program_is_a_result(backend: SandboxBackend, box: Sandbox) -> None:
    result = await box.exec(["no-such-program-anywhere"])
    assert result.exit_code not in (0, None)


@_check
async def stdin_is_delivered_whole(backend: SandboxBackend, box: Sandbox) -> None:
    data = bytes(range(256)) * 1024
    result = await box.exec(
        ["python3", "-c", "import sys; print(len(sys.stdin.buffer.read()))"], stdin=data
    )
    assert result.stdout.strip() == str(len(data))


@_check
async def a_program_may_ignore_its_stdin(backend: SandboxBackend, box: Sandbox) -> None:
    result = await box.exec(["true"], stdin=b"x" * (1 << 20))
    assert result.ok


@_check
async def variables_are_set_for_one_command(backend: SandboxBackend, box: Sandbox) -> None:
    command = ["sh", "-c", "echo ${COLOUR-none}"]
    assert (await box.exec(command, env={"COLOUR": "blue"})).stdout == "blue\n"
    assert (await box.exec(command)).stdout == "none\n"


@_check
async def the_hosts_variables_stay_out(backend: SandboxBackend, box: Sandbox) -> None:
    import os

    os.environ["OLMO_EVAL_CONTRACT_SECRET"] = "hunter2"
    try:
        assert "hunter2" not in (await box.exec(["env"])).stdout
    finally:
        del os.environ["OLMO_EVAL_CONTRACT_SECRET"]


@_check
async def files_go_in_and_out(backend: SandboxBackend, box: Sandbox) -> None:
    data = bytes(range(256))
    await box.write("deep/er/file.bin", data)
    assert await box.read("deep/er/file.bin") == data
    await box.exec(["cp", "deep/er/file.bin", "copy.bin"])
    assert await box.read("copy.bin") == data
    moved = await box.exec(["sh", "-c", "ls"], cwd="deep/er")
    assert moved.stdout == "file.bin\n"


@_check
async def a_missing_file_is_file_not_found(backend: SandboxBackend, box: Sandbox) -> None:
    try:
        await box.read("nowhere.txt")
    except FileNotFoundError:
        return
    raise AssertionError("reading a file that is not there did not raise FileNotFoundError")


@_check
async def a_timeout_keeps_output_and_ends_all(backend: SandboxBackend, box: Sandbox) -> None:
    child = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while True:\n"
        "        open('alive', 'w').write(str(time.time_ns()))\n"
        "        time.sleep(0.05)\n"
    )
    script = 'python3 -c "$1"; echo before; sleep 60'
    with anyio.fail_after(20):
        result = await box.exec(["sh", "-c", script, "sh", child], timeout=2.0)
    assert result.timed_out and result.exit_code is None
    assert result.stdout == "before\n"
    first = await box.read("alive")
    await anyio.sleep(0.5)
    assert await box.read("alive") == first, "a child in its own session survived the timeout"


@_check
async def output_is_cut_not_collected(backend: SandboxBackend, box: Sandbox) -> None:
    limit = parse_size(backend.config.output_limit)
    with anyio.fail_after(60):
        result = await box.exec(["sh", "-c", "echo start; yes"], timeout=10.0)
    assert result.truncated
    assert len(result.stdout.encode()) <= limit
    assert result.stdout.startswith("start\n")


@_check
async def output_that_is_no_text_is_survived(backend: SandboxBackend, box: Sandbox) -> None:
    result = await box.exec(["printf", "\\377\\376ok"])
    assert result.stdout.endswith("ok")


@_check
async def memory_is_limited(backend: SandboxBackend, box: Sandbox) -> None:
    too_much = 2 * parse_size(backend.config.memory)
    code = f"x = bytearray(b'x') * {too_much}; print('got it')"
    result = await box.exec(["python3", "-c", code], timeout=20.0)
    assert not result.ok and "got it" not in result.stdout
    assert (await box.exec(["echo", "still here"])).stdout == "still here\n"


@_check
async def processes_are_limited(backend: SandboxBackend, box: Sandbox) -> None:
    code = "import os, time\nfor _ in range(9):\n    os.fork()\ntime.sleep(60)"
    with anyio.fail_after(30):
        result = await box.exec(["python3", "-c", code], timeout=5.0)
    assert not result.ok
    assert (await box.exec(["echo", "still here"])).stdout == "still here\n"


@_check
async def cancellation_ends_the_command(backend: SandboxBackend, box: Sandbox) -> None:
    script = "while :; do date +%s%N > alive; sleep 0.05; done"
    with anyio.move_on_after(1.0):
        await box.exec(["sh", "-c", script], timeout=60.0)
    first = await box.read("alive")
    await anyio.sleep(0.5)
    assert await box.read("alive") == first, "a cancelled command went on"


@_check
async def commands_run_side_by_side(backend: SandboxBackend, box: Sandbox) -> None:
    found: dict[int, str] = {}

    async def one(number: int) -> None:
        found[number] = (await box.exec(["sh", "-c", f"sleep 0.05; echo {number}"])).stdout

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(one, number)
    assert found == {n: f"{n}\n" for n in range(8)}


@_check
async def environments_share_nothing(backend: SandboxBackend, box: Sandbox) -> None:
    other = await backend.create("contract-other")
    try:
        await box.write("mine.txt", b"mine")
        assert "mine.txt" not in (await other.exec(["ls"])).stdout
    finally:
        await other.close()


@_check
async def a_closed_environment_runs_nothing(backend: SandboxBackend, box: Sandbox) -> None:
    other = await backend.create("contract-closed")
    await other.close()
    try:
        await other.exec(["true"])
    except SandboxError:
        return
    raise AssertionError("a closed sandbox still ran a command")


@_check
async def an_instance_finds_what_it_needs(backend: SandboxBackend, box: Sandbox) -> None:
    """Its files, then the work of its set-up commands, whoever of backend and planner does it."""
    raw = bytes(range(256))
    spec = EnvironmentSpec(
        files={"in/note.txt": "na\u00efve\n", "in/raw.bin": raw},
        setup=("cp in/note.txt copy.txt", "cat in/raw.bin copy.txt > both.bin"),
    )
    other = await open_sandbox(backend, "contract-environment", spec)
    try:
        assert await other.read("both.bin") == raw + "na\u00efve\n".encode()
    finally:
        await other.close()


@_check
async def an_instance_has_its_own_folders_and_variables(
    backend: SandboxBackend, box: Sandbox
) -> None:
    """What an image has in the working folder is there; nothing is left of whoever was before."""
    if not {"working_dir", "writable", "variables"} <= type(backend).handles:
        return
    spec = EnvironmentSpec(
        files={"note.txt": "here"},
        setup=("cat note.txt > /app/made.txt",),
        working_dir="/app",
        writable=("/tests",),
        variables={"COLOUR": "blue"},
    )
    command = ["sh", "-c", 'pwd; echo "$COLOUR"; cat made.txt; ls /tests; echo x > /tests/x']
    other = await open_sandbox(backend, "contract-folders", spec)
    try:
        for _again in range(2 if await other.reset() else 1):
            found = await other.exec(command)
            assert (found.stdout, found.exit_code) == ("/app\nblue\nhere", 0), found
            await other.reset()
    finally:
        await other.close()


@_check
async def what_is_roots_can_be_written_to(backend: SandboxBackend, box: Sandbox) -> None:
    if "root" not in type(backend).handles or not backend.config.root:
        return
    other = await open_sandbox(backend, "contract-root", EnvironmentSpec(root=True))
    try:
        command = "id -u; echo x > /etc/made && chown 1000 /etc/made && ls /etc/made"
        assert (await other.exec(["sh", "-c", command])).stdout == "0\n/etc/made\n"
        assert not await other.reset(), "nobody can undo what was written everywhere"
    finally:
        await other.close()


@_check
async def a_set_up_command_that_fails_is_told(backend: SandboxBackend, box: Sandbox) -> None:
    spec = EnvironmentSpec(setup=("true", "echo no luck >&2; exit 3"))
    try:
        other = await open_sandbox(backend, "contract-broken", spec)
    except SandboxError as error:
        assert "no luck" in str(error)
        return
    await other.close()
    raise AssertionError("a set-up command failed and the environment was given out")


for _probe in PROBES:

    async def _enforced(backend: SandboxBackend, box: Sandbox, probe: Probe = _probe) -> None:
        if probe.name in backend.enforces:
            found = await probe.look(box, backend.config)
            assert found.kept, f"{probe.promise}: {found.evidence}"

    CHECKS[f"enforces_{_probe.name}"] = _enforced


@_check
async def an_environment_is_as_new_after_a_reset(backend: SandboxBackend, box: Sandbox) -> None:
    await box.write("left.txt", b"left")
    await box.exec(["sh", "-c", "mkdir -p a/b && chmod 000 a; echo x > /tmp/left-behind"])
    if not await box.reset():
        return
    assert (await box.exec(["ls", "-A"])).stdout == ""
    assert not (await box.exec(["cat", "/tmp/left-behind"])).ok


async def check_sandbox_backend(make: Callable[[], SandboxBackend], check: str) -> None:
    """Run one of ``CHECKS`` against a fresh backend and a fresh environment.

    Raises:
        AssertionError: the backend does not keep the contract.
    """
    backend = make()
    await backend.start()
    try:
        box = await backend.create("contract")
        try:
            await CHECKS[check](backend, box)
        finally:
            await box.close()
    finally:
        await backend.close()


def sandbox_contract(make: Callable[[], SandboxBackend]) -> Any:
    """A pytest test that holds the backend that ``make`` returns against every check."""
    import pytest

    @pytest.mark.parametrize("check", list(CHECKS))
    def test_sandbox_contract(check: str) -> None:
        anyio.run(check_sandbox_backend, make, check)

    return test_sandbox_contract
