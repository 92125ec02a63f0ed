"""What a container holds, as its relay sees it: files, shared objects, memory and processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import time
from collections.abc import Callable

_IPC_RMID = 0
#: seconds in which processes that were ended are gone
_GOING = 0.1


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


_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def oom_kills() -> int:
    """How many processes of the container the kernel has killed for want of memory."""
    for path in _OOM_COUNTERS:
        with contextlib.suppress(OSError), open(path) as counters:
            found = dict(line.split() for line in counters)
            return int(found.get("oom_kill", 0))
    return 0


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


def reset(folders: list[str], user: int | None, spared: int | None) -> list[str]:
    """End every process of programs but ``spared``, empty ``folders`` and the kernel's shared
    objects.

    ``spared`` goes too where there are others, which could not be ended safely one by one. Returns
    what could not be removed; [] where the environment is as new.
    """
    if strangers(user, spared):
        kill_everything(user)
    left = []
    for folder in folders:
        left += empty(folder)
    remove_shared_objects()
    return left


def strangers(user: int | None, known: int | None) -> bool:
    """Whether there are processes of ``user``; None: any besides this one, the first and ``known``.

    Also after a moment: those that were ended need one to go.
    """
    deadline = time.monotonic() + _GOING
    ours = {"1", str(os.getpid()), str(known)}
    while any(_is_of(name, user) for name in set(os.listdir("/proc")) - ours if name.isdigit()):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.001)
    return False


def _is_of(process: str, user: int | None) -> bool:
    """Whether a process is one of ``user``, or of anybody; False where it is gone."""
    try:
        return user is None or os.stat(f"/proc/{process}").st_uid == user
    except FileNotFoundError:
        return False


def kill_everything(user: int | None) -> None:
    """Kill every process of ``user``; None: every one of the container but its first and us."""
    if user is None:
        if not _in_a_container():  # elsewhere these would be everybody's processes
            raise OSError("the relay is not in a container of its own")
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        return
    killer = os.fork()
    if killer == 0:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    with contextlib.suppress(ChildProcessError):  # the kernel reaps it
        os.waitpid(killer, 0)


def _in_a_container() -> bool:
    """Whether the first process is ours: the relay, or what waits for its end."""
    if os.getpid() == 1:
        return True
    with open("/proc/1/cmdline", "rb") as first:
        return b"olmo_eval_sandboxes" in first.read()
