"""Asking the supervisor to run a command, and collecting what it prints."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from attrs import define, frozen

from olmo_eval.sandbox import SandboxError
from olmo_eval_sandboxes.inside import supervisor
from olmo_eval_sandboxes.local.user import sandbox_user, temporary_folder

#: ``-I -S``: nothing but the standard library is found before our own package
_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from olmo_eval_sandboxes.inside import supervisor; supervisor.main()"
)
_SUPERVISOR = (sys.executable, "-I", "-S", "-c", _START, str(Path(supervisor.__file__).parents[2]))
_CHUNK = 1 << 16
#: a program that prints this many times what is kept is ended
FLOOD = 64
#: seconds that ending everything a command started may take
_END_TIMEOUT = 10.0


@frozen
class Command:
    """What to run; ``output_limit`` is the bytes kept of each stream, ``user`` whom to become,
    ``enclosure`` what it is run in (``inside.enclosure``)."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    user: int | None
    limits: Mapping[str, int]
    stdin: bytes
    timeout: float
    output_limit: int
    enclosure: Mapping[str, Any] | None = None

    def to_line(self) -> bytes:
        spec: dict[str, Any] = {
            "argv": list(self.argv),
            "cwd": self.cwd,
            "env": dict(self.env),
            "user": self.user,
            "limits": dict(self.limits),
        }
        if self.enclosure is not None:
            spec["enclosure"] = dict(self.enclosure)
        return json.dumps(spec).encode() + b"\n"


@define
class Collected:
    """The first ``limit`` bytes of a stream and how many there were."""

    limit: int
    data: bytearray
    total: int = 0

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        self.data += chunk[: max(0, self.limit - len(self.data))]

    @property
    def cut(self) -> bool:
        return self.total > len(self.data)

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


@frozen
class Ended:
    """How a command ended: the supervisor's report and the two streams."""

    exit_code: int | None
    reason: str
    seconds: float
    timed_out: bool
    stdout: Collected
    stderr: Collected

    @property
    def limit(self) -> str | None:
        """The limit besides time that ended it."""
        if self.reason in ("memory", "processes"):
            return self.reason
        flooded = any(s.total > FLOOD * s.limit for s in (self.stdout, self.stderr))
        return "output" if flooded and not self.timed_out else None


class Launcher:
    """One supervisor program, shared by all sandboxes of a backend; restarted when it is lost.

    ``folder`` is where the sandboxes' folders are; it goes when the supervisor does.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Start the supervisor if it does not run.

        Raises:
            SandboxError: this system lacks what it needs.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._stop()
        if not Path("/proc/self/task").is_dir() or not hasattr(socket, "SOCK_SEQPACKET"):
            raise SandboxError("the local sandbox needs Linux", hint="use a container backend")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self.folder is None:
            self.folder = _shared_folder()
        with theirs:
            self._process = subprocess.Popen(
                [*_SUPERVISOR, str(theirs.fileno()), str(self.folder)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={},
                cwd="/",
            )
        self._socket = ours

    def close(self) -> None:
        """End the supervisor and delete the folder; commands end with their control sockets."""
        self._stop()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)  # where the supervisor was killed
        self.folder = None

    def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self._process = self._socket = None

    async def run(self, command: Command) -> Ended:
        """Run a command to its end; cancellation ends it and everything it started.

        Raises:
            SandboxError: the supervisor is gone.
        """
        self.start()
        with _Plumbing() as pipes:
            self._hand_over(pipes)
            return await _Conversation(command, pipes).hold()

    def try_out(self, command: Command) -> str:
        """Why ``command`` does not succeed; "" where it does. For commands that print little."""
        self.start()
        with _Plumbing() as pipes:
            self._hand_over(pipes)
            pipes.control.settimeout(command.timeout)
            try:
                pipes.control.sendall(command.to_line())
                report = json.loads(pipes.control.makefile("rb").readline() or b"{}")
            except OSError as error:
                return f"no answer from the supervisor: {error}"
            if "error" in report:
                return str(report["error"])
            said = os.read(pipes.stderr, _CHUNK).decode("utf-8", "replace").strip()
        return "" if report.get("exit") == 0 else said or "the supervisor was lost"

    def _hand_over(self, pipes: _Plumbing) -> None:
        assert self._socket is not None
        try:
            socket.send_fds(self._socket, [b"x"], pipes.theirs())
        except OSError as error:
            raise SandboxError(f"the local supervisor does not answer: {error}") from error
        pipes.close_theirs()


def _shared_folder() -> Path:
    """A folder for sandboxes' folders that everybody may pass through, nobody may list."""
    where = temporary_folder(sandbox_user())
    if where is None:
        raise SandboxError("no temporary folder that an unprivileged user may enter")
    folder = Path(tempfile.mkdtemp(prefix="olmo-eval-sandboxes-", dir=where)).resolve()
    folder.chmod(0o711)
    return folder


class _Plumbing:
    """The control socket and the three pipes of one command."""

    def __init__(self) -> None:
        self.control, self._control = socket.socketpair()
        self._in, self.stdin = os.pipe()
        self.stdout, self._out = os.pipe()
        self.stderr, self._err = os.pipe()
        self._open = {self.stdin, self.stdout, self.stderr, self._in, self._out, self._err}
        self.control.setblocking(False)
        for fd in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(fd, False)

    def theirs(self) -> list[int]:
        return [self._control.fileno(), self._in, self._out, self._err]

    def close_theirs(self) -> None:
        self._control.close()
        for fd in (self._in, self._out, self._err):
            self.close(fd)

    def close(self, fd: int) -> None:
        if fd in self._open:
            self._open.remove(fd)
            os.close(fd)

    def __enter__(self) -> _Plumbing:
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        self._control.close()
        for fd in list(self._open):
            self.close(fd)


class _Conversation:
    """One command while it runs."""

    def __init__(self, command: Command, pipes: _Plumbing) -> None:
        self.command = command
        self.pipes = pipes
        self.stdout = Collected(command.output_limit, bytearray())
        self.stderr = Collected(command.output_limit, bytearray())
        self.killed = False

    async def hold(self) -> Ended:
        report: dict[str, Any] = {}
        timed_out = False
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed)
                group.start_soon(self._collect, self.pipes.stdout, self.stdout)
                group.start_soon(self._collect, self.pipes.stderr, self.stderr)
                await self._send(self.command.to_line())
                with anyio.move_on_after(self.command.timeout) as scope:
                    report = await self._report()
                if scope.cancelled_caught:
                    timed_out = True
                    self._kill()
                    with anyio.move_on_after(_END_TIMEOUT):
                        report = await self._report()
                    if not report:
                        group.cancel_scope.cancel()
        except BaseException:
            await self._abandon()
            raise
        if not report:
            raise SandboxError("the local supervisor was lost while a command ran")
        if "error" in report:
            raise SandboxError(f"no namespaces for a command: {report['error']}")
        exit_code = None if timed_out else report["exit"]
        return Ended(
            exit_code, report["reason"], report["seconds"], timed_out, self.stdout, self.stderr
        )

    def _kill(self) -> None:
        """Ask for the end of everything the command started."""
        self.killed = True
        with contextlib.suppress(OSError):
            self.pipes.control.shutdown(socket.SHUT_WR)

    async def _abandon(self) -> None:
        """The caller does not wait any more: end everything, and wait for that."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_END_TIMEOUT):
            self._kill()
            await self._report()

    async def _send(self, data: bytes) -> None:
        for part in _parts(data):
            while True:
                try:
                    self.pipes.control.sendall(part)
                    break
                except BlockingIOError:
                    await anyio.wait_writable(self.pipes.control)
                except OSError as error:
                    raise SandboxError(f"the local supervisor is gone: {error}") from error

    async def _report(self) -> dict[str, Any]:
        """The supervisor's answer; {} where it ended without one."""
        answer = b""
        while not answer.endswith(b"\n"):
            await anyio.wait_readable(self.pipes.control)
            try:
                chunk = self.pipes.control.recv(4096)
            except ConnectionError:
                chunk = b""
            if not chunk:
                return {}
            answer += chunk
        report: dict[str, Any] = json.loads(answer)
        return report

    async def _feed(self) -> None:
        view = memoryview(self.command.stdin)
        while view and self.pipes.stdin in self.pipes._open:
            try:
                view = view[os.write(self.pipes.stdin, view[:_CHUNK]) :]
            except BlockingIOError:
                await anyio.wait_writable(self.pipes.stdin)
            except OSError:
                break  # the program does not read to the end; that is its right
        self.pipes.close(self.pipes.stdin)

    async def _collect(self, fd: int, into: Collected) -> None:
        while True:
            await anyio.wait_readable(fd)
            chunk = os.read(fd, _CHUNK)
            if not chunk:
                return
            into.add(chunk)
            if into.total > FLOOD * into.limit and not self.killed:
                self._kill()


def _parts(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]
