"""The tools that read, write and edit the files of the episode's sandbox.

They use the sandbox's own programs, as its own user: what is not allowed there is not allowed here.
Relative paths start at the working folder, wherever a ``bash`` session has gone.
"""

from __future__ import annotations

from typing import Annotated

from olmo_eval.agents.tools import ToolError, tool
from olmo_eval.sandbox import ExecResult, Sandbox

_LINES = 400
_READ = """
if [ -d "$1" ]; then echo "it is a folder" >&2; exit 1; fi
wc -l <"$1" >&2 && sed -n "$2,$3p;$3q" -- "$1"
"""

_Path = Annotated[str, "The file. A relative path starts at the working folder."]


@tool(requires="bash")
async def read_file(path: _Path, sandbox: Sandbox, start: int = 1, lines: int = _LINES) -> str:
    """Read a text file, or a part of it.

    Args:
        start: The first line to read, counted from 1.
        lines: How many lines to read at most.
    """
    if start < 1 or lines < 1:
        raise ToolError("start and lines must be at least 1.")
    last = start + lines - 1
    result = await _run(sandbox, _READ, path, str(start), str(last))
    _check(result, path)
    total = int(result.stderr.split()[-1]) if result.stderr.split() else 0
    text = result.stdout
    if start > 1 and not text:
        raise ToolError(f"{path} has {total} lines; there is not a line {start}.")
    if start == 1 and total <= last and not result.truncated:
        return text or "[the file is empty]"
    shown = start + text.rstrip("\n").count("\n")
    return f"{text.rstrip()}\n[lines {start} to {shown} of {max(total, shown)}]"


@tool(requires="bash")
async def write_file(path: _Path, content: str, sandbox: Sandbox) -> str:
    """Write a text file, in place of what was there; folders are made.

    Args:
        content: The whole text of the file.
    """
    await _write(sandbox, path, content)
    return f"Wrote {content.count(chr(10)) + (not content.endswith(chr(10)))} lines to {path}."


@tool(requires="bash")
async def edit_file(path: _Path, old: str, new: str, sandbox: Sandbox, every: bool = False) -> str:
    """Replace a piece of a text file. It must be there exactly once, unless every place is meant.

    Args:
        old: The text to replace, exactly as it stands in the file, with enough around it to be
            found only once.
        new: The text to put in its place.
        every: Replace it wherever it stands.
    """
    result = await _run(sandbox, 'cat -- "$1"', path)
    _check(result, path)
    if result.truncated:
        raise ToolError(f"{path} is too large for this tool.")
    text = result.stdout
    if "\ufffd" in text:  # written back it would not be what it was
        raise ToolError(f"{path} is not a text in UTF-8, which this tool needs.")
    found = text.count(old) if old else 0
    if not old:
        raise ToolError("old is empty: say what is to be replaced.")
    if found == 0:
        raise ToolError(
            f"The text to replace is not in {path}; read the file, and copy it exactly."
        )
    if found > 1 and not every:
        raise ToolError(f"The text to replace is in {path} {found} times; give more around it.")
    await _write(sandbox, path, text.replace(old, new))
    return f"Replaced {found} place{'s' * (found > 1)} in {path}."


async def _write(sandbox: Sandbox, path: str, content: str) -> None:
    script = 'mkdir -p -- "$(dirname -- "$1")" && cat >"$1"'
    data = content.encode("utf-8", "replace")
    _check(await _run(sandbox, script, path, stdin=data), path)


async def _run(sandbox: Sandbox, script: str, *arguments: str, stdin: bytes = b"") -> ExecResult:
    path = arguments[0]
    if not path or "\0" in path:
        raise ToolError("path must name a file.")
    # a path that begins with a dash is no option
    named = f"./{path}" if path.startswith("-") else path
    return await sandbox.exec(["sh", "-c", script, "sh", named, *arguments[1:]], stdin=stdin)


def _check(result: ExecResult, path: str) -> None:
    """Tell the model why a file could not be used.

    Raises:
        ToolError: always, where the command failed.
    """
    if result.ok:
        return
    if result.timed_out:
        raise ToolError(f"{path}: no answer within {result.seconds:.0f} s.")
    lines = result.stderr.strip().splitlines()
    reason = lines[-1].rpartition(": ")[2] if lines else f"exit code {result.exit_code}"
    raise ToolError(f"{path}: {reason}.")
