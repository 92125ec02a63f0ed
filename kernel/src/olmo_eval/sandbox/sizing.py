"""How many environments there may be at once, where nobody says."""

from __future__ import annotations

import math
import os
from pathlib import Path

from olmo_eval import plugins
from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox.backend import SandboxBackend
from olmo_eval.sandbox.config import SandboxConfig, parse_size

#: of the memory that is free, the share that environments may fill
_SHARE = 0.8


def places(config: SandboxConfig, agents: int = 0) -> int:
    """``instances``, or as many environments as their backend or this machine carries.

    Programs that are scored keep a processor busy each. An environment in which an agent works
    mostly waits for its model: for ``agents`` at once, memory alone is the limit.
    """
    if config.instances is not None:
        return config.instances
    most = _most(config)
    if most is not None:
        return most
    in_memory = max(1, int(_SHARE * _free_memory() / parse_size(config.memory)))
    working = max(1, math.floor(_cores() / config.cpus))
    return min(in_memory, max(working, agents))


def _most(config: SandboxConfig) -> int | None:
    try:
        kind: type[SandboxBackend] = plugins.manager().registry("sandboxes").get(config.backend)
    except OlmoEvalError:
        return None  # told where it is made
    return kind.most


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_memory() -> int:
    """Bytes that new processes can have without anybody swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    known = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(known["MemAvailable"].split()[0]) * 1024
