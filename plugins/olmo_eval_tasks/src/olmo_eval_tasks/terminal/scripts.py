"""Running a task's scripts in an environment."""

from __future__ import annotations

from olmo_eval.sandbox import ExecResult, Sandbox
from olmo_eval_tasks.terminal.instance import Script


async def emptied(sandbox: Sandbox, *folders: str) -> bool:
    """Whether these folders are there and empty now, whatever was in them."""
    line = 'for f; do mkdir -p "$f" && find "$f" -mindepth 1 -delete || exit 1; done'
    return (await sandbox.exec(["sh", "-c", line, "sh", *folders])).ok


async def ran(sandbox: Sandbox, script: Script) -> ExecResult:
    """Put ``script`` into the environment and run it to its end."""
    for name, data in script.files.items():
        await sandbox.write(f"{script.folder}/{name}", data)
    return await sandbox.exec(
        ["bash", script.path], timeout=script.timeout, env=dict(script.variables)
    )
