"""The tools that run bash: in a session of the episode, or each command by itself.

A sandbox ends everything that a command has started, so no shell could wait from one call to the
next. A session is kept as data instead: when a command ends, the shell writes its folder,
variables, functions, aliases and options to a file, and the next one begins by reading it. So a
command that has to be killed costs the session nothing but what it has done itself.
"""

from __future__ import annotations

from importlib import resources
from secrets import token_hex

import anyio

from olmo_eval.agents.tools import ToolError, tool
from olmo_eval.sandbox import Sandbox
from olmo_eval_scaffolds.tools.report import report

_BEGIN = 'IFS= read -rd "" __session_script; eval "$__session_script"'
_SCRIPT = resources.files(__package__).joinpath("session.sh").read_text(encoding="utf-8")
_AFTER_TIMEOUT = "the session goes on with the folder and variables it had before"


class Session:
    """The shell of one episode: which file keeps it, and one command at a time."""

    def __init__(self) -> None:
        self.file = f".session-{token_hex(8)}"
        self._one_at_a_time = anyio.Lock()

    async def run(self, command: str, sandbox: Sandbox) -> str:
        async with self._one_at_a_time:
            argv = ["bash", "-c", _BEGIN, "bash", self.file]
            given = _SCRIPT.encode() + b"\0" + _text(command) + b"\0"
            result = await sandbox.exec(argv, stdin=given)
        return report(result, after_timeout=_AFTER_TIMEOUT)


@tool(requires="bash", state=Session)
async def bash(session: Session, command: str, sandbox: Sandbox) -> str:
    """Run bash commands in your shell and return what they print. The shell keeps its folder,
    variables and functions from call to call; background processes end with each call.

    Args:
        command: A command line or a script. It has no input to read.
    """
    return await session.run(command, sandbox)


@tool(requires="bash", state=Session)
async def execute_bash_session(session: Session, command: str, sandbox: Sandbox) -> str:
    """Run bash commands in your shell, which keeps its folder and variables from call to call.

    Args:
        command: A command line or a script. It has no input to read.
    """
    return await session.run(command, sandbox)


@tool(requires="bash")
async def execute_bash(command: str, sandbox: Sandbox) -> str:
    """Run a bash command in the working folder and return what it prints. Files stay for later
    calls; variables and background processes do not.

    Args:
        command: A command line or a script. It has no input to read.
    """
    script = "IFS= read -rd '' command; exec </dev/null; eval \"$command\""
    return report(await sandbox.exec(["bash", "-c", script], stdin=_text(command) + b"\0"))


def _text(command: str) -> bytes:
    if "\0" in command:
        raise ToolError("A command cannot contain the character NUL.")
    return command.encode("utf-8", "replace")
