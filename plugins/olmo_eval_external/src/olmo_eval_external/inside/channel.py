"""The program's end of the conversation with the evaluation. Standard library alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any


class UsageFault(Exception):
    """What was asked for cannot be: said to the user without a trace."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


class Channel:
    """The job, and the way to tell how it goes.

    Standard output is kept for events alone: whatever else is printed goes to standard error.
    When standard input ends, nobody waits any more, and this process ends with all it started.
    """

    def __init__(self) -> None:
        given = os.fdopen(os.dup(0), "rb")
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        self._lock = threading.Lock()
        self.job: dict[str, Any] = json.loads(given.readline())
        threading.Thread(target=_end_with, args=(given,), daemon=True).start()

    def send(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, **fields}, default=str)
        with self._lock:
            self._out.write(line + "\n")
            self._out.flush()

    def progress(self, done: int, total: int | None) -> None:
        self.send("progress", done=done, total=total)

    def message(self, text: str) -> None:
        self.send("message", text=text)


def _end_with(given: Any) -> None:
    given.read()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(0), signal.SIGKILL)


@contextlib.contextmanager
def told(channel: Channel) -> Iterator[None]:
    """Say what goes wrong in the block, and end with it."""
    try:
        yield
    except UsageFault as fault:
        channel.send("usage_error", text=str(fault), hint=fault.hint)
        sys.exit(2)
    except Exception as error:
        channel.send("error", text=f"{type(error).__name__}: {error}")
        raise
