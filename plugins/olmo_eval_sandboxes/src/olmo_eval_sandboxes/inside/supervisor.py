"""A small program that starts processes, watches their limits and lets none of them survive.

It runs outside of the evaluation and imports nothing of it: for the backend ``local`` as ``main``,
one single-threaded process from which forking is cheap and safe; in containers the relay and the
nursery fork their supervisors. Over a socket it receives one message a command with four file
descriptors: a control socket, stdin, stdout and stderr. For each it forks a supervisor, which
reads the command from the control socket as one JSON line, runs it, and answers with one JSON line
when the command and all it started are gone::

    -> {"argv": [...], "cwd": ..., "env": {...}, "limits": {...}}
    <- {"exit": 0, "reason": "exit", "seconds": 0.01}

``reason`` is ``exit``, ``killed`` (the end of the control socket asked for it),
``memory`` or ``processes`` (the watched limits). A command that has an ``enclosure`` runs in it;
where that cannot be made, the answer is ``{"error": ...}``. The supervisor is a "child subreaper"
(prctl(2)), so that processes whose parents died become its children: none can leave by setsid
or by forking twice, and when the evaluation itself dies, the control sockets close, everything
ends, and the folder that holds the sandboxes' folders is deleted.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
from typing import Any, NoReturn

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = 0.02  # seconds between looks at the watched limits
_DELETE_TIMEOUT = 10.0
_MOST_TOLD = 4096
_NICE = 5  # the command yields to its supervisor, also when it is many processes


def serve(listener: socket.socket) -> None:
    """Fork a supervisor for each message, until the other side closes."""
    become_subreaper()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    while True:
        message, fds, _flags, _address = socket.recv_fds(listener, 1, 4)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            listener.close()
            supervise(socket.socket(fileno=fds[0]), fds[1:])
        for fd in fds:
            os.close(fd)


_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    switch_on(_PR_SET_CHILD_SUBREAPER)


def switch_on(option: int) -> None:
    _prctl(option, 1)


def switch_off(option: int) -> None:
    _prctl(option, 0)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def supervise(control: socket.socket, streams: list[int]) -> NoReturn:
    """Run one command to its end and exit."""
    start(fork_supervised(control, streams), streams)


def fork_supervised(control: socket.socket, streams: list[int]) -> dict[str, Any]:
    """Fork the process of the command that comes over ``control``; only there this returns.

    The other one watches it, ends everything that it started, reports how it ended, and exits.
    """
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become_subreaper()
        with control.makefile("rb") as lines:
            command: dict[str, Any] = json.loads(lines.readline() or b"{}")
        if command:
            wake = _woken_by_children()
            began = time.monotonic()
            try:
                pid, trouble = _fork(command)
            except OSError as error:
                if "enclosure" not in command:
                    raise
                report = {"error": str(error)}
            else:
                if pid == 0:
                    code = -1
                    return command
                for fd in streams:
                    os.close(fd)
                report = watched(pid, command["limits"], control, wake, began, trouble)
            with contextlib.suppress(OSError):  # nobody is left to hear it
                control.sendall(json.dumps(report).encode() + b"\n")
        code = 0
    finally:
        if code >= 0:
            os._exit(code)
    raise AssertionError("a process that has exited goes on")


def _fork(command: dict[str, Any]) -> tuple[int, int]:
    """Fork, into the command's enclosure if it has one: the child's process id, and a file that
    says what went wrong there; -1 where nothing can."""
    if "enclosure" not in command:
        return os.fork(), -1
    from olmo_eval_sandboxes.inside import enclosure  # which containers are not given

    return enclosure.fork(command["enclosure"])


def _woken_by_children() -> int:
    """A file that can be read when a child has ended."""
    wake, wake_writer = os.pipe()
    for fd in (wake, wake_writer):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    return wake


def watched(
    pid: int,
    limits: dict[str, int],
    control: socket.socket,
    wake: int,
    began: float,
    trouble: int = -1,
) -> dict[str, Any]:
    """Watch the command, end everything it started, and say how it ended."""
    enclosed = trouble >= 0
    status, reason = watch(pid, limits, control, wake, pid if enclosed else None)
    seconds = time.monotonic() - began
    last = end_all(pid)
    status = last if status is None else status
    if enclosed and (told := os.read(trouble, _MOST_TOLD)):
        return {"error": told.decode("utf-8", "replace")}
    return {"exit": exit_code(status), "reason": reason, "seconds": seconds}


def start(command: dict[str, Any], streams: list[int]) -> NoReturn:
    """In the child: become the command."""
    try:
        confine(command, streams)
        os.execvpe(command["argv"][0], command["argv"], command["env"])
    except (OSError, ValueError) as error:
        os.write(2, f"{command['argv'][0]}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(127)


def confine(command: dict[str, Any], streams: list[int]) -> None:
    """In the child: the command's streams, session, limits, user and folder, and no other file."""
    signal.set_wakeup_fd(-1)
    for name in ("SIGCHLD", "SIGPIPE", "SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.setsid()
    os.nice(_NICE)
    for target, fd in enumerate(streams):
        os.dup2(fd, target)
    os.closerange(3, 65536 if os.sysconf("SC_OPEN_MAX") < 0 else os.sysconf("SC_OPEN_MAX"))
    os.umask(0o077)
    limit(command["limits"])
    drop(command["user"])
    os.chdir(command["cwd"])


def drop(user: int | None) -> None:
    """Become ``user`` for good, where we may; nothing started from here gains privileges."""
    switch_on(_PR_SET_NO_NEW_PRIVS)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def limit(limits: dict[str, int]) -> None:
    """Set the limits that the kernel enforces on each process, and on the user's processes."""
    for name, value in (
        (resource.RLIMIT_NPROC, limits["user_processes"]),
        (resource.RLIMIT_DATA, limits["memory"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bounded, bounded))


def watch(
    pid: int, limits: dict[str, int], control: socket.socket, wake: int, first: int | None = None
) -> tuple[int | None, str]:
    """Wait for the command's end, for the order to end it, or for a limit exceeded.

    ``first`` is the first process of an enclosure, which is not the command's.
    """
    ours = set() if first is None else {first}
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(control, select.POLLIN | select.POLLHUP)
    while True:
        ready = {fd for fd, _event in poll.poll(_TICK * 1000)}
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        for ended, status in reap():
            if ended == pid:
                return status, "exit"
        if control.fileno() in ready:
            return None, "killed"
        members = descendants(os.getpid(), enough=limits["processes"] + len(ours))
        members = [member for member in members if member not in ours]
        if len(members) > limits["processes"]:
            return None, "processes"
        if sum(map(resident, members)) > limits["memory"]:
            return None, "memory"


def reap() -> list[tuple[int, int]]:
    """Collect every child that has ended, as (process id, wait status)."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, status))


def end_all(main: int) -> int | None:
    """Kill until nothing is left; the wait status of process ``main`` if it ended here.

    Groups first, because the kernel kills a group at once and no fork can outrun that; then one
    by one, stopped before killed, because what is stopped cannot fork away.
    """
    status = None
    groups = {main}
    while True:
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        members = descendants(os.getpid())
        for order in (signal.SIGSTOP, signal.SIGKILL):
            for pid in members:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, order)
        groups = set(filter(None, map(group_of, members)))
        for pid, ended in reap():
            status = ended if pid == main else status
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return status
        time.sleep(0.001)


def group_of(pid: int) -> int | None:
    """The process group of ``pid`` if it is not our own; None when it is gone."""
    try:
        group = os.getpgid(pid)
    except ProcessLookupError:
        return None
    return group if group != os.getpgrp() else None


def descendants(root: int, *, enough: float = float("inf")) -> list[int]:
    """The processes below ``root``, parents before children; stops above ``enough`` of them."""
    found: list[int] = []
    queue = [root]
    while queue and len(found) <= enough:
        below = children(queue.pop())
        found += below
        queue += below
    return found


def children(pid: int) -> list[int]:
    """The children of a process; [] when it is gone."""
    if not _CHILDREN_ARE_LISTED:
        return [child for child, parent in parents() if parent == pid]
    below: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                below += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended while we looked
    return below


#: not every kernel lists them (CONFIG_PROC_CHILDREN, gVisor)
_CHILDREN_ARE_LISTED = os.path.exists("/proc/thread-self/children")


def parents() -> list[tuple[int, int]]:
    """Every process that can be seen, with its parent."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found.append((int(name), int(file.read().rpartition(b")")[2].split()[1])))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return found


def resident(pid: int) -> int:
    """Memory of a process that no file stands behind, in bytes; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _size, here, shared = file.read().split()[:3]
            return (int(here) - int(shared)) * _PAGE
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return 0


def exit_code(status: int | None) -> int | None:
    """An exit code as shells give it: 128 + signal for what a signal ended."""
    if status is None:
        return None
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def delete(folder: str) -> None:
    """Delete a folder in which commands may still be ending."""
    deadline = time.monotonic() + _DELETE_TIMEOUT
    while os.path.exists(folder) and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_TICK)


def main() -> None:
    """Serve the socket whose number is the first argument, then delete the folder that is the
    second."""
    from olmo_eval_sandboxes.inside import enclosure  # noqa: F401 - forks find it loaded

    serve(socket.socket(fileno=int(sys.argv[1])))
    delete(sys.argv[2])
