"""Faults of the operating system, injected into this process from then on.

Every operation that changes a file below a folder is a *point*; they are numbered in the order in
which the process comes to them. ``inject`` makes one of them, or all from one on, go wrong::

    count     nothing goes wrong; how many points there were is in the file ``counted`` at the end
    kill      the process is killed with signal 9 just before the point; half of what a point
              would have written is written
    full      from the point on there is no space: files are neither made nor written, and may
              be removed
    readonly  from the point on nothing below the folder can be changed
    broken    the one operation fails with an error of the device

``clock`` has the clock of the wall go backwards by so many seconds at each look at it, ``skew`` has
it be wrong by as many. ``silent`` is after how many seconds another worker is taken for gone.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MAKE = frozenset({"os.mkdir", "os.link", "os.rename", "os.symlink"})
_UNMAKE = frozenset({"os.remove", "os.rmdir", "os.truncate"})
_ERRORS = {"full": errno.ENOSPC, "readonly": errno.EROFS, "broken": errno.EIO}


class _Points:
    def __init__(self, action: str, at: int, below: str, counted: str | None) -> None:
        self.action, self.at, self.below = action, at, os.path.realpath(below)
        self.number = 0
        self.counted = counted
        self._busy = False

    def is_below(self, path: object) -> bool:
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")
            except OSError:
                return False
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self.below)

    def reach(self, what: str, path: object, half: Callable[[], Any] | None = None) -> None:
        """Come to a point; raises what goes wrong there."""
        if self._busy or not self.is_below(path):
            return
        self._busy = True
        try:
            self._reach(what, half)
        finally:
            self._busy = False

    def _reach(self, what: str, half: Callable[[], Any] | None) -> None:
        self.number += 1
        if self.counted is not None:
            Path(self.counted).write_text(str(self.number))
        if self.action == "kill" and self.number == self.at:
            if half is not None:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action not in _ERRORS or self.number < self.at:
            return
        if self.action == "broken" and self.number > self.at:
            return
        if self.action == "full" and what in _UNMAKE | {"os.rename", "os.fsync"}:
            return
        code = _ERRORS[self.action]
        raise OSError(code, os.strerror(code))


def inject(
    action: str = "count",
    at: int = 0,
    below: str = ".",
    counted: str | None = None,
    clock: float = 0.0,
    skew: float = 0.0,
    silent: float = 0.0,
) -> None:
    if clock or skew:
        _turn(clock, skew)
    if silent:
        from olmo_eval.results import presence

        presence.BEAT_SECONDS, presence.SILENT_SECONDS = silent / 4, silent
    points = _Points(action, at, below, counted)
    write, fsync = os.write, os.fsync

    def told(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if flags else False
            if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
                points.reach("open", path)
        elif event in _MAKE | _UNMAKE:
            points.reach(event, arguments[0])

    def written(fd: int, data: Any) -> int:
        points.reach("os.write", fd, lambda: write(fd, bytes(data)[: len(data) // 2]))
        return write(fd, data)

    def synced(fd: int) -> None:
        points.reach("os.fsync", fd)
        fsync(fd)

    os.write, os.fsync = written, synced
    sys.addaudithook(told)


def _turn(back: float, skew: float) -> None:
    """Have the wall's clock be wrong by ``skew`` seconds, and be ``back`` seconds earlier at each
    look than the clock says."""
    import datetime as module

    clock, looks = time.time, 0

    def wrong() -> float:
        nonlocal looks
        looks += 1
        return clock() + skew - looks * back

    class Wrong(module.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return module.datetime.fromtimestamp(wrong(), tz)

    time.time = wrong
    time.time_ns = lambda: int(wrong() * 1e9)
    plain = module.datetime
    for loaded in list(sys.modules.values()):
        if getattr(loaded, "__name__", "").startswith("olmo_eval"):
            for name, value in list(vars(loaded).items()):
                if value is plain:
                    setattr(loaded, name, Wrong)
