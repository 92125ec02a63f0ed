"""How a program ended, in a word that is kept beside its output."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from olmo_eval.sandbox import ExecResult

#: how interpreters and compilers say that they did not understand a program
_SYNTAX_ERRORS = ("SyntaxError", "IndentationError", "TabError", "syntax error", "unexpected EOF")
_OUT_OF_MEMORY = ("MemoryError", "std::bad_alloc", "OutOfMemoryError", "memory allocation of")
_CANNOT_FORK = ("BlockingIOError", "Resource temporarily unavailable", "can't start new thread")


class Status(StrEnum):
    """How a program fared."""

    PASSED = "passed"
    FAILED = "failed"
    SYNTAX_ERROR = "syntax_error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    NO_CODE = "no_code"


_LIMITS = {
    "memory": Status.OUT_OF_MEMORY,
    "output": Status.OUTPUT_LIMIT,
    "processes": Status.PROCESS_LIMIT,
}


def status_of(ran: ExecResult, passed: bool = False, lines: int = 1) -> Status:
    """The status of a program that ran; by the last ``lines`` that it said, where no limit ended
    it."""
    if passed:
        return Status.PASSED
    if ran.timed_out:
        return Status.TIMEOUT
    if ran.limit is not None:
        return _LIMITS.get(ran.limit, Status.FAILED)
    last = _last_words(ran.stderr, lines)
    for words, status in (
        (_SYNTAX_ERRORS, Status.SYNTAX_ERROR),
        (_OUT_OF_MEMORY, Status.OUT_OF_MEMORY),
        (_CANNOT_FORK, Status.PROCESS_LIMIT),
    ):
        if not ran.ok and any(word in last for word in words):
            return status
    return Status.FAILED


def _last_words(said: str, lines: int) -> str:
    return "\n".join([line for line in said.splitlines() if line.strip()][-lines:])


def evidence(result: ExecResult, longest: int, status: Status | None = None) -> dict[str, Any]:
    """How a program ended, to be kept beside the output: its status, and at most ``longest``
    characters of each stream, the end of them."""
    return {
        "status": str(status or status_of(result)),
        "exit_code": result.exit_code,
        "timed_out": result.timed_out,
        "stdout": result.stdout[-longest:] if longest else "",
        "stderr": result.stderr[-longest:] if longest else "",
    }


def brief(status: Status) -> dict[str, Any]:
    """What is kept where the status says it all."""
    return {"status": str(status)}
