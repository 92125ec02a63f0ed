"""A program in its own environment: fed with a job, heard line by line, ended with the run.

It is a script of ours (``inside/``) under the framework's interpreter. It gets the job as a line of
JSON on standard input, and writes events as lines of JSON on standard output. Whatever the
framework prints goes to standard error, which is kept as the log, without secrets. The input stays
open while the program is wanted: when it ends, because this process is gone, so does the program.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from attrs import frozen

from olmo_eval.errors import RunFailedError, UsageError
from olmo_eval.results.redact import Redactor, is_secret_name

INSIDE = Path(__file__).parent / "inside"
#: seconds between asking a program to end and ending it
_GRACE = 5.0
_TAIL_LINES = 40

Event = Mapping[str, Any]


@frozen
class Program:
    """A script of ``inside/`` to run with ``python``.

    - ``folder``: where it runs; ``log``: the file that what it prints goes to;
    - ``environment``: variables that it finds set besides those that hold no secret;
    - ``secrets``: names of variables that hold one and are passed on.
    """

    script: str
    python: Path
    folder: Path
    log: Path
    environment: Mapping[str, str] = {}
    secrets: Sequence[str] = ()

    async def run(
        self, job: Mapping[str, Any], hear: Callable[[Event], None], timeout: float | None = None
    ) -> None:
        """Run it to its end; ``hear`` is told each event.

        Raises:
            RunFailedError: it failed, and with which words; or its time (``timeout`` in seconds)
                was over.
        """
        tail = _Tail(self.log, self._redactor(job))
        said: list[Event] = []
        process = await anyio.open_process(
            [str(self.python), "-u", str(INSIDE / self.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self._environ(),
            start_new_session=True,
        )
        assert process.stdin and process.stdout and process.stderr
        in_time = False
        try:
            with anyio.move_on_after(timeout):
                with contextlib.suppress(anyio.BrokenResourceError):  # it says why in its log
                    await process.stdin.send(json.dumps(dict(job)).encode() + b"\n")
                async with anyio.create_task_group() as group:
                    group.start_soon(tail.follow, process.stderr)
                    async for line in _lines(process.stdout):
                        _hand_out(line, hear, said, tail)
                await process.wait()
                in_time = True
        finally:
            await _end(process)
        if not in_time:
            raise RunFailedError(
                f"it did not finish in {timeout:g} s", hint=f"-a timeout=SECONDS; log: {self.log}"
            )
        self._check(process.returncode, said, tail)

    def _check(self, code: int | None, said: Sequence[Event], tail: _Tail) -> None:
        for event in said:
            if event["event"] == "usage_error":
                raise UsageError(str(event["text"]), hint=event.get("hint"))
        if code == 0:
            return
        words = [str(event["text"]) for event in said if event["event"] == "error"]
        how = (
            f"was ended by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
        )
        last = words[-1] if words else tail.last
        raise RunFailedError(f"it {how}: {last}", hint=f"log: {self.log}")

    def _environ(self) -> dict[str, str]:
        """This process's variables but its secrets and what says which Python it is."""
        own = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if not _is_secret(k) and k not in own}
        named = {name: os.environ[name] for name in self.secrets}
        return {**kept, "PYTHONUNBUFFERED": "1", **self.environment, **named}

    def _redactor(self, job: Mapping[str, Any]) -> Redactor:
        redactor = Redactor()
        redactor.learn({**job, "required_secrets": list(self.secrets)})
        return redactor


def _is_secret(name: str) -> bool:
    return is_secret_name(name) or name.endswith("_KEY") or name.startswith("KEY_")


def check_secrets(names: Sequence[str]) -> None:
    """Refuse names of variables that are not set.

    Raises:
        UsageError: naming them.
    """
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise UsageError(f"the environment lacks {', '.join(missing)}", hint="export it")


def _hand_out(line: str, hear: Callable[[Event], None], said: list[Event], tail: _Tail) -> None:
    try:
        event = json.loads(line)
        kind = event["event"]
    except (ValueError, KeyError, TypeError):  # the framework's own: it found the way out
        tail.keep(line)
        return
    if kind in ("error", "usage_error"):
        said.append(event)
    else:
        hear(event)


async def _end(process: anyio.abc.Process) -> None:
    """End the program and everything that it started."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with anyio.move_on_after(_GRACE):
                await process.wait()
        _signal(process, signal.SIGKILL)
        await process.aclose()


def _signal(process: anyio.abc.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _lines(stream: anyio.abc.ByteReceiveStream) -> AsyncIterator[str]:
    """The lines of a stream, however long."""
    pieces: list[bytes] = []
    async for chunk in stream:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join((*pieces, line)).decode("utf-8", "replace")
            pieces = []
        pieces.append(rest)
    if any(pieces):
        yield b"".join(pieces).decode("utf-8", "replace")


class _Tail:
    """The log of a program, and the last of what stands in it."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path, self._redactor = path, redactor
        self._last: list[str] = []

    async def follow(self, stream: anyio.abc.ByteReceiveStream) -> None:
        async for line in _lines(stream):
            self.keep(line)

    def keep(self, line: str) -> None:
        clean = self._redactor.text(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(clean + "\n")
        self._last = [*self._last, clean][-_TAIL_LINES:]

    @property
    def last(self) -> str:
        """The last line that says something."""
        return next(
            (line.strip() for line in reversed(self._last) if line.strip()), "it said nothing"
        )
