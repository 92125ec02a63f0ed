"""Tools that run code in the instance's sandbox: files stay between calls, processes do not."""

from __future__ import annotations

from typing import Annotated

from olmo_eval.agents.tools import tool
from olmo_eval.sandbox import ExecResult, Sandbox


@tool(requires="python")
async def python(
    code: Annotated[str, "A complete Python program. Print what you want to see."],
    sandbox: Sandbox,
) -> str:
    """Run a Python program and return what it prints. Files it writes stay for later calls;
    variables do not."""
    return report(await sandbox.exec(["python3", "-"], stdin=code.encode("utf-8", "replace")))


@tool(requires="bash")
async def bash(command: Annotated[str, "A bash command line or script."], sandbox: Sandbox) -> str:
    """Run a bash command in the working folder and return what it prints. Files stay for later
    calls; background processes do not."""
    await sandbox.write(".command.sh", command.encode("utf-8", "replace"))
    return report(await sandbox.exec(["bash", ".command.sh"]))


def report(result: ExecResult) -> str:
    """What a model is told of a command: its output, its errors, and how it ended."""
    parts = [result.stdout.rstrip("\n")] if result.stdout.strip() else []
    if result.stderr.strip():
        parts.append(f"[stderr]\n{result.stderr.strip()}")
    if result.truncated:
        parts.append("[output cut]")
    if result.timed_out:
        parts.append(f"[timed out after {result.seconds:.0f} s]")
    elif result.exit_code != 0:
        parts.append(f"[exit code {result.exit_code}]")
    return "\n".join(parts) or "[no output]"
