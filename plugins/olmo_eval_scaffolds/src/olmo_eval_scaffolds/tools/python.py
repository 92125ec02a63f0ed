"""The tool ``python``: a fresh interpreter a call, so that a program means what it says alone."""

from __future__ import annotations

from olmo_eval.agents.tools import tool
from olmo_eval.sandbox import Sandbox
from olmo_eval_scaffolds.tools.report import report


@tool(requires="python")
async def python(code: str, sandbox: Sandbox) -> str:
    """Run a Python program and return what it prints. Files it writes stay for later calls;
    variables do not.

    Args:
        code: A complete Python program. Print what you want to see.
    """
    return report(await sandbox.exec(["python3", "-"], stdin=code.encode("utf-8", "replace")))
