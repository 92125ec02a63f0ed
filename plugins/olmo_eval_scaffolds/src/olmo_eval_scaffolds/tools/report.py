"""What a model is told of a command that ran in its sandbox."""

from __future__ import annotations

from olmo_eval.sandbox import ExecResult


def report(result: ExecResult, *, after_timeout: str = "") -> str:
    """Its output, its errors, and how it ended; ``after_timeout`` says what that means."""
    parts = [result.stdout.rstrip("\n")] if result.stdout.strip() else []
    if result.stderr.strip():
        parts.append(f"[stderr]\n{result.stderr.strip()}")
    if result.truncated:
        parts.append("[output cut]")
    if result.timed_out:
        more = f"; {after_timeout}" if after_timeout else ""
        parts.append(f"[timed out after {result.seconds:.0f} s{more}]")
    elif result.exit_code != 0:
        parts.append(f"[exit code {result.exit_code}]")
    return "\n".join(parts) or "[no output]"
