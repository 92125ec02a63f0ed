"""What a command took: wall time, CPU time and peak memory of a process of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

from attrs import frozen


@frozen
class Usage:
    """Seconds of wall and CPU time (with children that it waited for), and peak memory in MB."""

    wall: float
    cpu: float
    peak_mb: float


def pinned(command: Sequence[str]) -> list[str]:
    """The command on one core, where the machine can pin."""
    return ["taskset", "-c", "0", *command] if which("taskset") else list(command)


def used(
    command: Sequence[str], folder: Path | None = None, env: Mapping[str, str] | None = None
) -> Usage:
    """What ``command`` took; nothing of it is shown.

    Raises:
        SystemExit: it failed; the last lines that it wrote are shown.
    """
    began = time.perf_counter()
    log = Path(os.devnull) if folder is None else folder / "last.log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=out, env={**os.environ, **(env or {})}
        )
        _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    if status != 0:
        said = "" if folder is None else log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"this failed: {' '.join(command)}\n{said}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def quickest(command: Sequence[str], times: int, folder: Path | None = None) -> Usage:
    """The run of several that took the least CPU time."""
    return min((used(pinned(command), folder) for _ in range(times)), key=lambda usage: usage.cpu)
