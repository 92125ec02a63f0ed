"""Whose a container is, and until when: three labels that every container carries.

Most containers end with the process that made them, since their relay's stdin ends then. What is
left all the same (an engine that was restarted, a machine that went to sleep, a cloud) is found by
these labels, and removed when its lease has expired: its time is over, or its owner is a process
of this machine that is gone. Nothing is ever removed by name, or because somebody else does not
know it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from olmo_eval.sandbox.backend import Lease
from olmo_eval_sandboxes.common.engine import Listed

RUN = "olmo-eval.run"
OWNER = "olmo-eval.owner"
EXPIRES = "olmo-eval.expires"


def labels(run_id: str, lifetime: float) -> dict[str, str]:
    """The labels of a container that this process makes, for at most ``lifetime`` seconds."""
    return {RUN: run_id, OWNER: _this_process(), EXPIRES: str(int(time.time() + lifetime))}


def expired(found: Mapping[str, str], now: float | None = None) -> bool:
    """Whether the lease that labels tell of has expired; False where they tell of none."""
    try:
        until = int(found[EXPIRES])
    except (KeyError, ValueError):
        return False
    if (time.time() if now is None else now) > until:
        return True
    return _is_gone(found.get(OWNER, ""))


def described(container: Listed) -> Lease:
    """The lease of a container, for listings."""
    found = container.labels
    until = found.get(EXPIRES, "")
    return Lease(
        id=container.id,
        run_id=found.get(RUN, ""),
        expires=float(until) if until.isdigit() else 0.0,
        expired=expired(found),
    )


def _is_gone(owner: str) -> bool:
    """Whether an owner is a process of this machine, and has ended."""
    machine, _, process = owner.partition(".")
    if machine != _this_machine() or process.count("-") != 1:
        return False
    pid, _, started = process.partition("-")
    return pid.isdigit() and _start_time(int(pid)) != started


def _this_process() -> str:
    return f"{_this_machine()}.{os.getpid()}-{_start_time(os.getpid())}"


@cache
def _this_machine() -> str:
    """A digest of this boot of this machine, and of the process namespace that ids belong to.

    A digest, since clouds are told it, and take short labels only.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return hashlib.sha256(f"{boot}.{namespace}".encode()).hexdigest()[:16]


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[19]
