"""Runs commands in a container for the evaluation, which talks to it by stdin.

Requests and replies are frames: the length of a JSON header (four bytes, big-endian), the header,
and the bytes that its ``parts`` (a list of lengths) announce. ``id`` says which reply is whose,
and a reply repeats the ``nonce`` of its request::

    -> {"id": 1, "nonce": "..", "op": "exec", "argv": [..], "cwd": .., "env": {..}, "limits": {..},
        "timeout": 10.0, "output_limit": 1048576}        part: stdin
    <- {"id": 1, "nonce": "..", "exit": 0, "reason": "exit", "seconds": 0.01, "cut": [false, false]}
                                                         parts: stdout, stderr
    -> {"id": 2, "nonce": "..", "op": "kill", "target": 1}
    -> {"id": 3, "nonce": "..", "op": "write", "path": ".."}    part: the content
    -> {"id": 4, "nonce": "..", "op": "read", "path": "..", "limit": 1048576}
    -> {"id": 5, "nonce": "..", "op": "reset"}
    -> {"id": 6, "nonce": "..", "op": "nursery", "env": {..}}

``nursery`` comes first, if at all, and has interpreters ready for Python programs with these
variables (``nursery``).

``reason`` is one of the supervisor's, or ``timeout`` or ``flood``; ``lost`` where the program
killed or stopped its supervisor. What goes wrong is the reply's ``error`` (and ``missing``: there
is no such file).

Nothing can look into this process or use its files, since it is not "dumpable" (prctl(2)). Nor can
commands kill it where it is the container's first process, or root, which then gives them a user
of their own. Elsewhere they can, and end the environment: the evaluation hears that it was killed.

When its stdin ends, because the evaluation did, it exits, and with it a container whose first
process it is. Where stdin may stay open all the same, it exits after a ``silence``: the evaluation
sends empty frames (a length of 0) when it has nothing to say.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from olmo_eval_sandboxes.inside import nursery, supervisor
from olmo_eval_sandboxes.inside.frames import frame, take_frame
from olmo_eval_sandboxes.inside.state import (
    kill_everything,
    oom_kills,
    read_file,
    reset,
    write_file,
)

_PR_SET_DUMPABLE = 4
_CHUNK = 1 << 16
#: a program that prints this many times what is kept is ended
_FLOOD = 64
#: seconds in which a supervisor ends all that its command started
_ENDING = 5.0


class Running:
    """A command, its supervisor, and what it has printed."""

    def __init__(
        self,
        request: dict[str, Any],
        stdin: bytes,
        user: int | None,
        born: nursery.Nursery | None,
    ) -> None:
        self.request = request
        self.stdin = memoryview(stdin)
        self.printed = [bytearray(), bytearray()]
        self.totals = [0, 0]
        self.deadline = time.monotonic() + float(request["timeout"])
        self.reason = ""
        self.report: dict[str, Any] | None = None
        self.open_streams = 2
        self.feeds = True
        self.oom_kills = oom_kills()
        self.control, self.pipes = _started(request, user, born)

    @property
    def done(self) -> bool:
        return self.report is not None and self.open_streams == 0

    def kill(self, reason: str) -> None:
        """Order the end of everything the command started; the first reason counts."""
        if not self.reason and self.report is None:
            self.reason = reason
            self.deadline = time.monotonic() + _ENDING
            with contextlib.suppress(OSError):
                self.control.shutdown(socket.SHUT_WR)

    def collect(self, stream: int, chunk: bytes) -> None:
        limit = int(self.request["output_limit"])
        kept = self.printed[stream]
        kept += chunk[: max(0, limit - len(kept))]
        self.totals[stream] += len(chunk)
        if self.totals[stream] > _FLOOD * limit:
            self.kill("flood")

    def reply(self) -> tuple[dict[str, Any], list[bytes]]:
        report = self.report or {}
        killed = report.get("reason") == "killed"
        header = {
            "exit": None if self.reason == "timeout" else report.get("exit"),
            "reason": self.reason if killed and self.reason else report.get("reason", "lost"),
            "seconds": report.get("seconds", 0.0),
            "cut": [t > len(p) for t, p in zip(self.totals, self.printed, strict=True)],
            "oom": oom_kills() > self.oom_kills,
        }
        return header, [bytes(p) for p in self.printed]


def _started(
    request: dict[str, Any], user: int | None, born: nursery.Nursery | None
) -> tuple[socket.socket, tuple[int, int, int]]:
    """Start a supervisor for the command, in the nursery where that can; our ends of its control
    socket and its three pipes."""
    ours, theirs = socket.socketpair()
    stdin, stdin_writer = os.pipe()
    stdout, stdout_writer = os.pipe()
    stderr, stderr_writer = os.pipe()
    given = [stdin, stdout_writer, stderr_writer]
    in_nursery = born is not None and born.takes(request) and born.send(theirs, given)
    if not in_nursery and os.fork() == 0:
        close_all_but(2, theirs.fileno(), *given)
        supervisor.supervise(theirs, given)
    theirs.close()
    for fd in given:
        os.close(fd)
    known = {key: request[key] for key in ("argv", "cwd", "env", "limits")}
    ours.sendall(json.dumps({**known, "user": user}).encode() + b"\n")
    ours.setblocking(False)
    for fd in (stdin_writer, stdout, stderr):
        os.set_blocking(fd, False)
    return ours, (stdin_writer, stdout, stderr)


def close_all_but(*kept: int) -> None:
    """Close every file of this process but ``kept``: those of other commands, and the relay's."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))


class Relay:
    """The loop between the evaluation and the commands."""

    def __init__(
        self,
        incoming: int,
        outgoing: int,
        folders: list[str],
        nursery_command: list[str],
        user: int | None = None,
        silence: float = 0.0,
    ) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.folders = folders
        self.user = user
        self.silence = silence or float("inf")
        self.heard = time.monotonic()
        self.nursery_command = nursery_command
        self.nursery: nursery.Nursery | None = None
        self.selector = selectors.DefaultSelector()
        self.running: dict[int, Running] = {}
        self.received = bytearray()
        self.over = False
        self.selector.register(incoming, selectors.EVENT_READ, self.read_requests)

    def loop(self) -> None:
        while not self.over:
            for key, _events in self.selector.select(self.until_next_deadline()):
                # an earlier one may have closed this file, and a new one may have its number
                if self.selector.get_map().get(key.fileobj) is key:
                    key.data()
            now = time.monotonic()
            for running in list(self.running.values()):
                if now >= running.deadline:
                    self.overdue(running)
            self.over = self.over or now >= self.heard + self.silence
        for running in self.running.values():
            running.kill("killed")

    def overdue(self, running: Running) -> None:
        """End a command; where its supervisor does not obey, since the program stopped it, end
        everything."""
        if running.reason and running.report is None:
            kill_everything(self.user)
            running.deadline = time.monotonic() + _ENDING
        else:
            running.kill("timeout")

    def until_next_deadline(self) -> float | None:
        waiting = [r.deadline for r in self.running.values() if r.report is None]
        first = min(*waiting, self.heard + self.silence, float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())

    # -- requests

    def read_requests(self) -> None:
        chunk = os.read(self.incoming, 1 << 20)
        if not chunk:
            self.over = True
            return
        self.heard = time.monotonic()
        self.received += chunk
        while (frame := take_frame(self.received)) is not None:
            header, parts = frame
            try:
                self.handle(header, parts)
            except FileNotFoundError as error:
                self.send(header, {"error": str(error), "missing": True})
            except (OSError, ValueError, KeyError) as error:
                self.send(header, {"error": f"{type(error).__name__}: {error}"})

    def handle(self, request: dict[str, Any], parts: list[bytes]) -> None:
        operation = request["op"]
        if operation == "exec":
            self.start(request, parts[0])
        elif operation == "kill":
            if running := self.running.get(request["target"]):
                running.kill("killed")
        elif operation == "write":
            with acting_as(self.user):
                write_file(request["path"], parts[0])
            self.send(request, {})
        elif operation == "read":
            with acting_as(self.user):
                content = read_file(request["path"], int(request["limit"]))
            self.send(request, {}, [content])
        elif operation == "reset":
            self.send(request, {"left": self.reset()})
        elif operation == "nursery":
            self.nursery = nursery.Nursery(self.nursery_command, request["env"])
            self.send(request, {"ready": self.nursery.well})
        else:
            raise ValueError(f"no operation {operation!r}")

    def reset(self) -> list[str]:
        well = self.nursery is not None and self.nursery.answers()
        spared = self.nursery.pid if self.nursery and well else None
        left = reset(self.folders, self.user, spared)
        if self.nursery is not None and not (well and self.nursery.well):
            self.nursery = nursery.Nursery(self.nursery_command, self.nursery.env)
        return left

    def start(self, request: dict[str, Any], stdin: bytes) -> None:
        running = Running(request, stdin, self.user, self.nursery)
        self.running[request["id"]] = running
        feed, stdout, stderr = running.pipes
        self.selector.register(
            running.control.fileno(), selectors.EVENT_READ, self.bind(self.ended, running)
        )
        self.selector.register(feed, selectors.EVENT_WRITE, self.bind(self.feed, running))
        for stream, fd in enumerate((stdout, stderr)):
            read = self.bind(self.collect, running, stream, fd)
            self.selector.register(fd, selectors.EVENT_READ, read)

    @staticmethod
    def bind(method: Callable[..., None], *arguments: Any) -> Callable[[], None]:
        return lambda: method(*arguments)

    # -- a command's streams

    def feed(self, running: Running) -> None:
        fd = running.pipes[0]
        try:
            while running.stdin:
                running.stdin = running.stdin[os.write(fd, running.stdin[:_CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:
            pass  # the program does not read to the end; that is its right
        self.close_stdin(running)

    def close_stdin(self, running: Running) -> None:
        if running.feeds:
            running.feeds = False
            self.selector.unregister(running.pipes[0])
            os.close(running.pipes[0])

    def collect(self, running: Running, stream: int, fd: int) -> None:
        chunk = os.read(fd, _CHUNK)
        if chunk:
            running.collect(stream, chunk)
            return
        self.selector.unregister(fd)
        os.close(fd)
        running.open_streams -= 1
        self.finish(running)

    def ended(self, running: Running) -> None:
        """The supervisor has reported, or is gone: all that the command started has ended."""
        try:
            answer = running.control.recv(1 << 16)
        except OSError:  # it was killed before it had read the command
            answer = b""
        running.report = json.loads(answer) if answer.endswith(b"\n") else {}
        if not running.report:  # the program killed it, and nobody ends what is left
            kill_everything(self.user)
        self.selector.unregister(running.control.fileno())
        running.control.close()
        self.close_stdin(running)
        self.finish(running)

    def finish(self, running: Running) -> None:
        if running.done and running.request["id"] in self.running:
            del self.running[running.request["id"]]
            self.send(running.request, *running.reply())

    def send(
        self, request: dict[str, Any], reply: dict[str, Any], parts: list[bytes] | None = None
    ) -> None:
        known = {"id": request.get("id"), "nonce": request.get("nonce")}
        data = memoryview(frame({**known, **reply}, parts or []))
        while data:
            data = data[os.write(self.outgoing, data) :]


# -- the user that programs get


@contextlib.contextmanager
def acting_as(user: int | None) -> Iterator[None]:
    """Use files as ``user`` would; None: as we are."""
    if user is None:
        yield
        return
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def make_room(folders: list[str], user: int) -> None:
    """Give programs ``folders`` to write to, and see that they can be ``user``, and nobody more.

    Raises:
        OSError: this process may not do that.
    """
    os.setgroups([])
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o1777)
    tried = os.fork()
    if tried == 0:
        try:
            supervisor.drop(user)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(tried, 0)[1]):
        raise OSError(f"programs cannot be given the user id {user}")


def main(
    folders: list[str],
    lifetime: float,
    nursery_command: list[str],
    user: int | None = None,
    silence: float = 0.0,
) -> None:
    """Serve until stdin ends, for at most ``lifetime`` seconds.

    ``folders`` are all that commands can write to.
    """
    signal.alarm(int(lifetime))  # whose default action is the end of this process
    supervisor.switch_off(_PR_SET_DUMPABLE)
    supervisor.become_subreaper()  # orphans become our children
    if user is not None:
        make_room(folders, user)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps supervisors and orphans
    for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(stop, signal.SIG_IGN)
    os.umask(0o077)
    outgoing = os.dup(1)
    os.dup2(2, 1)  # nothing but frames may go to the evaluation
    known = {"python": sys.version.split()[0]}
    closed = [folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)]
    hello = memoryview(frame({"id": 0, "nonce": "", **known, "closed": closed}, []))
    while hello:
        hello = hello[os.write(outgoing, hello) :]
    Relay(0, outgoing, folders, nursery_command, user, silence).loop()
