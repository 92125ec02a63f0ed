"""The tool ``bash``: one shell an episode, whatever becomes of a single command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from attrs import evolve

from olmo_eval.agents.tools import ToolError
from olmo_eval.sandbox import Sandbox, SandboxConfig
from olmo_eval.testing.tool import tool_contract
from olmo_eval_sandboxes.local.backend import LocalBackend
from olmo_eval_scaffolds.tools.files import edit_file, read_file, write_file
from olmo_eval_scaffolds.tools.python import python
from olmo_eval_scaffolds.tools.shell import Session, bash, execute_bash

LOCAL = SandboxConfig(mode="local", unsafe_local=True, command_timeout=10)
Run = Callable[[str], Awaitable[str]]


def in_sandbox(body: Callable[[Sandbox], Awaitable[None]], config: SandboxConfig = LOCAL) -> None:
    async def main() -> None:
        backend = LocalBackend(config)
        await backend.start()
        sandbox = await backend.create("test")
        try:
            await body(sandbox)
        finally:
            await sandbox.close()
            await backend.close()

    anyio.run(main)


def in_session(body: Callable[[Run], Awaitable[None]], **settings: Any) -> None:
    async def with_sandbox(sandbox: Sandbox) -> None:
        session = Session()

        async def run(command: str) -> str:
            return await bash.function(session, command=command, sandbox=sandbox)

        await body(run)

    in_sandbox(with_sandbox, evolve(LOCAL, **settings))


def test_a_session_keeps_what_a_shell_keeps() -> None:
    async def body(run: Run) -> None:
        setup = r"""
            mkdir -p deep/er; cd deep/er
            plain='two  words'; export told=$'a\nb'; list=(1 'two 3'); declare -A map=([key]=value)
            greet() { echo "hello $1"; }; export -f greet
            alias shout='echo LOUD'; umask 077; set -o pipefail; shopt -s nullglob; IFS=,
            readonly fixed=1
        """
        assert await run(setup) == "[no output]"
        assert (await run("pwd")).endswith("/deep/er")
        assert await run('echo "$plain"; printenv told') == "two  words\na\nb"
        assert await run('echo "${list[1]} ${map[key]} $fixed"') == "two 3 value 1"
        assert await run("greet you; bash -c 'greet child'") == "hello you\nhello child"
        assert await run("shout; umask; echo *.none") == "LOUD\n0077"
        assert await run("false | true") == "[exit code 1]"
        assert await run('joined="${list[*]}"; echo "$joined"') == "1,two 3"

    in_session(body)


def test_a_command_ends_and_the_session_goes_on() -> None:
    async def body(run: Run) -> None:
        await run("cd /usr; mark=kept")
        assert await run("echo out; echo err >&2; exit 3") == "out\n[stderr]\nerr\n[exit code 3]"
        assert "unbound variable" in await run("set -eu; echo $nothing")
        assert await run("set +eu; echo $mark; pwd") == "kept\n/usr"
        assert "syntax error" in await run("echo (")
        assert await run("trap 'echo bye' EXIT; later=1") == "bye"
        assert await run("echo $later; cat; read line; echo $?") == "1\n1"
        assert await run("exec true") == "[no output]"
        assert await run("echo $mark") == "kept"

    in_session(body)


def test_a_command_that_is_killed_costs_the_session_nothing() -> None:
    async def body(run: Run) -> None:
        await run("mark=before; cd /usr")
        ended = await run("mark=lost; cd /; echo begun; sleep 30")
        assert ended.startswith("begun\n[timed out after 1 s; the session goes on")
        assert await run("echo $mark; pwd") == "before\n/usr"
        assert await run("sleep 30 & echo started") == "started"

    in_session(body, command_timeout=1)


def test_a_folder_that_is_gone_is_told() -> None:
    async def body(run: Run) -> None:
        await run("mkdir here; cd here; rmdir ../here")
        assert "is gone" in await run("cd; echo found")

    in_session(body)


def test_commands_at_the_same_time_wait_for_each_other() -> None:
    async def body(run: Run) -> None:
        await run("n=0")
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(run, "n=$((n + 1))")
        assert await run("echo $n") == "5"

    in_session(body)


def test_a_session_leaves_nothing_in_the_working_folder() -> None:
    async def body(run: Run) -> None:
        await run("x=1")
        assert await run("ls") == "[no output]"

    in_session(body)


def test_a_command_by_itself_keeps_nothing_but_files() -> None:
    async def body(sandbox: Sandbox) -> None:
        async def run(command: str) -> str:
            text: str = await execute_bash.function(command=command, sandbox=sandbox)
            return text

        assert await run("x=1; echo kept > file; cd /; exit 2") == "[exit code 2]"
        assert await run('cat file; echo "[$x]"; cat') == "kept\n[]"
        with pytest.raises(ToolError, match="NUL"):
            await run("echo \0")

    in_sandbox(body)


def test_files_are_written_edited_and_read() -> None:
    async def body(sandbox: Sandbox) -> None:
        async def call(tool: Any, **arguments: Any) -> str:
            try:
                text: str = await tool.function(sandbox=sandbox, **arguments)
            except ToolError as error:
                return f"ERROR {error.message}"
            return text

        text = "".join(f"line {n}\n" for n in range(1, 7))
        assert await call(write_file, path="a/b.txt", content=text) == "Wrote 6 lines to a/b.txt."
        assert await call(read_file, path="a/b.txt") == text
        part = await call(read_file, path="a/b.txt", start=2, lines=2)
        assert part == "line 2\nline 3\n[lines 2 to 3 of 6]"
        assert "there is not a line 9" in await call(read_file, path="a/b.txt", start=9)
        edited = await call(edit_file, path="a/b.txt", old="line 2\n", new="zwei\r\n\ttab\n")
        assert edited == "Replaced 1 place in a/b.txt."
        assert (await sandbox.read("a/b.txt")).startswith(b"line 1\nzwei\r\n\ttab\nline 3\n")
        assert "5 times" in await call(edit_file, path="a/b.txt", old="line", new="x")
        every = await call(edit_file, path="a/b.txt", old="line", new="x", every=True)
        assert every == "Replaced 5 places in a/b.txt."
        assert "is not in a/b.txt" in await call(edit_file, path="a/b.txt", old="gone", new="")
        assert "old is empty" in await call(edit_file, path="a/b.txt", old="", new="")

    in_sandbox(body)


def test_files_that_cannot_be_used_are_told() -> None:
    async def body(sandbox: Sandbox) -> None:
        await sandbox.write("bytes", b"\xff\xfe\x00")
        await sandbox.write("-n", b"dashed\n")
        for tool, path, said in [
            (read_file, "none", "none: No such file"),
            (read_file, "/", "/: it is a folder."),
            (read_file, "", "path must name a file"),
            (write_file, "/", "/: "),
            (edit_file, "bytes", "bytes is not a text in UTF-8"),
            (edit_file, "none", "none: No such file"),
        ]:
            more: dict[str, Any] = {
                "read_file": {},
                "write_file": {"content": ""},
                "edit_file": {"old": "a", "new": "b"},
            }[tool.name]
            with pytest.raises(ToolError, match=said):
                await tool.function(path=path, sandbox=sandbox, **more)
        assert await read_file.function(path="-n", sandbox=sandbox) == "dashed\n"

    in_sandbox(body)


test_bash = tool_contract(bash, {"command": "pwd | tail -c 1; seq 99"}, slow={"command": "sleep 9"})
test_python = tool_contract(python, {"code": "print(6 * 7)"}, slow={"code": "while True: pass"})
test_write_file = tool_contract(write_file, {"path": "a", "content": "b"})
