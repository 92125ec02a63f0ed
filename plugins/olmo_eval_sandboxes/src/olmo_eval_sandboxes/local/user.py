"""Whom a command runs as.

A run that is root gives each sandbox a user id of its own, which no account has: it then cannot
read what only root may, cannot signal the run, and the kernel counts its processes exactly. Any
other run can only be itself.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

#: processes allowed above those the user has, where the kernel counts them all together
_SLACK = 256


def sandbox_user() -> int | None:
    """An unused user id for one sandbox; None where this process is not root."""
    if os.geteuid() != 0:
        return None
    mapped = sum(int(line.split()[2]) for line in _lines("/proc/self/uid_map"))
    low, high = (10**9, 2 * 10**9) if mapped >= 2**31 else (20_000, 60_000)
    return random.SystemRandom().randrange(low, high)


def within_reach(path: Path) -> bool:
    """Whether everybody may enter (or run) ``path``, links followed."""
    real = path.resolve()
    return all(p.stat().st_mode & 0o001 for p in (*path.parents, real, *real.parents))


def search_path() -> str:
    """Where commands look for programs: this interpreter's folder, then the system's."""
    return os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])


def python_within_reach(user: int | None, search: str) -> bool:
    """Whether ``user`` can run some ``python3`` of the search path."""
    programs = [Path(folder) / "python3" for folder in search.split(os.pathsep)]
    if user is None:
        return any(os.access(program, os.X_OK) for program in programs)
    return any(program.exists() and within_reach(program) for program in programs)


def temporary_folder(user: int | None) -> str | None:
    """Where ``user`` can have a folder: the temporary folder of this run, else the system's."""
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if user is None or (os.path.isdir(folder) and within_reach(Path(folder))):
            return folder
    return None


def user_processes(allowed: int, user: int | None) -> int:
    """The kernel's limit on the processes of ``user`` that lets a sandbox have ``allowed``.

    A user of the sandbox's own has no others. Where the sandbox shares the run's user, the limit
    is what that user runs now and some slack: no exact limit, but a wall for a fork bomb; the
    supervisor watches the exact number.
    """
    if user is not None:
        return allowed
    mine, tasks = os.getuid(), 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if folder.stat().st_uid == mine:
                    tasks += len(os.listdir(folder / "task"))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended while we looked
    return tasks + max(_SLACK, 4 * allowed)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
