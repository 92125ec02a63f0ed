"""The first process of a container: runs commands for the evaluation, which talks to it by stdin.

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

``reason`` is one of the supervisor's, or ``timeout`` or ``flood``. What goes wrong is the reply's
``error`` (and ``missing``: there is no such file).

Commands run as the same user as this process. It cannot be killed from inside the container, since
it is its first process, and nothing can look into it or use its files, since it is not "dumpable"
(prctl(2)). When its stdin ends, because the evaluation did, it exits, and the container with it;
an engine that keeps stdin open leaves it running until its lease is reaped or its time is over.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from olmo_eval_sandboxes.inside import supervisor

_PR_SET_DUMPABLE = 4
_CHUNK = 1 << 16
#: a program that prints this many times what is kept is ended
_FLOOD = 64
_IPC_RMID = 0


class Running:
    """A command, its supervisor, and what it has printed."""

    def __init__(self, request: dict[str, Any], stdin: bytes) -> None:
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
        self.control, self.pipes = _fork(request)

    @property
    def done(self) -> bool:
        return self.report is not None and self.open_streams == 0

    def kill(self, reason: str) -> None:
        """Order the end of everything the command started; the first reason counts."""
        if not self.reason and self.report is None:
            self.reason = reason
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


def _fork(request: dict[str, Any]) -> tuple[socket.socket, tuple[int, int, int]]:
    """Fork a supervisor for the command; our ends of its control socket and its three pipes."""
    ours, theirs = socket.socketpair()
    stdin, stdin_writer = os.pipe()
    stdout, stdout_writer = os.pipe()
    stderr, stderr_writer = os.pipe()
    if os.fork() == 0:
        close_all_but(2, theirs.fileno(), stdin, stdout_writer, stderr_writer)
        supervisor.supervise(theirs, [stdin, stdout_writer, stderr_writer])
    theirs.close()
    for fd in (stdin, stdout_writer, stderr_writer):
        os.close(fd)
    known = {key: request[key] for key in ("argv", "cwd", "env", "limits")}
    ours.sendall(json.dumps({**known, "user": None}).encode() + b"\n")
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

    def __init__(self, incoming: int, outgoing: int, folders: list[str]) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.folders = folders
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
            for running in self.running.values():
                if now >= running.deadline:
                    running.kill("timeout")
        for running in self.running.values():
            running.kill("killed")

    def until_next_deadline(self) -> float | None:
        waiting = [r.deadline for r in self.running.values() if not r.reason]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    # -- requests

    def read_requests(self) -> None:
        chunk = os.read(self.incoming, 1 << 20)
        if not chunk:
            self.over = True
            return
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
            write_file(request["path"], parts[0])
            self.send(request, {})
        elif operation == "read":
            self.send(request, {}, [read_file(request["path"], int(request["limit"]))])
        elif operation == "reset":
            self.send(request, {"left": reset(self.folders)})
        else:
            raise ValueError(f"no operation {operation!r}")

    def start(self, request: dict[str, Any], stdin: bytes) -> None:
        running = Running(request, stdin)
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
        answer = running.control.recv(1 << 16)
        running.report = json.loads(answer) if answer.endswith(b"\n") else {}
        if not running.report:  # the program killed it, and nobody ends what is left
            kill_everything()
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


def frame(header: dict[str, Any], parts: list[bytes]) -> bytes:
    """A header and its parts, as they travel."""
    text = json.dumps({**header, "parts": [len(part) for part in parts]}).encode()
    return b"".join((struct.pack(">I", len(text)), text, *parts))


def take_frame(data: bytearray) -> tuple[dict[str, Any], list[bytes]] | None:
    """The first whole frame of ``data``, which is taken out of it; None where there is none yet."""
    if len(data) < 4:
        return None
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        return None
    header = json.loads(bytes(data[4 : 4 + length]))
    sizes, start = header["parts"], 4 + length
    if len(data) < start + sum(sizes):
        return None
    parts = []
    for size in sizes:
        parts.append(bytes(data[start : start + size]))
        start += size
    del data[:start]
    return header, parts


# -- files


def write_file(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def read_file(path: str, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} is larger than {limit} bytes")
    return content


# -- memory

_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def oom_kills() -> int:
    """How many processes of the container the kernel has killed for want of memory."""
    for path in _OOM_COUNTERS:
        with contextlib.suppress(OSError), open(path) as counters:
            found = dict(line.split() for line in counters)
            return int(found.get("oom_kill", 0))
    return 0


# -- as new


def reset(folders: list[str]) -> list[str]:
    """End every process but this one, empty ``folders`` and the kernel's shared objects.

    Returns what could not be removed; [] where the environment is as new.
    """
    kill_everything()
    left = []
    for folder in folders:
        left += empty(folder)
    remove_shared_objects()
    return left


def kill_everything() -> None:
    """Kill every process of the container but its first, which we are."""
    if os.getpid() != 1:  # outside of a container this would be everybody's processes
        raise OSError("the relay is not the first process of a container")
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def empty(folder: str) -> list[str]:
    left = []
    for parent, names, _files in os.walk(folder):
        for name in names:
            inner = os.path.join(parent, name)
            if not os.path.islink(inner):
                with contextlib.suppress(OSError):
                    os.chmod(inner, 0o700)
    for entry in os.scandir(folder):
        try:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        except OSError as error:
            left.append(f"{entry.path}: {error}")
    return left


def remove_shared_objects() -> None:
    """Remove what programs left in System V shared memory, semaphores and message queues."""
    libc = ctypes.CDLL(None, use_errno=True)
    removers: dict[str, Callable[[int], int]] = {
        "shm": lambda key: int(libc.shmctl(key, _IPC_RMID, None)),
        "sem": lambda key: int(libc.semctl(key, 0, _IPC_RMID)),
        "msg": lambda key: int(libc.msgctl(key, _IPC_RMID, None)),
    }
    for kind, remove in removers.items():
        with contextlib.suppress(OSError), open(f"/proc/sysvipc/{kind}") as table:
            for line in list(table)[1:]:
                remove(int(line.split()[1]))


def main(folders: list[str], lifetime: float) -> None:
    """Serve until stdin ends, for at most ``lifetime`` seconds.

    ``folders`` are all that commands can write to.
    """
    signal.alarm(int(lifetime))  # whose default action is the end of this process
    supervisor.switch_off(_PR_SET_DUMPABLE)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps supervisors and orphans
    for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(stop, signal.SIG_IGN)
    os.umask(0o077)
    outgoing = os.dup(1)
    os.dup2(2, 1)  # nothing but frames may go to the evaluation
    hello = memoryview(frame({"id": 0, "nonce": "", "python": sys.version.split()[0]}, []))
    while hello:
        hello = hello[os.write(outgoing, hello) :]
    Relay(0, outgoing, folders).loop()
