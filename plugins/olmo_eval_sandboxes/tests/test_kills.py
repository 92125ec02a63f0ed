"""Runs that are killed with signal 9 at any point leave nothing behind a reap, and the reap touches
nothing that is not theirs."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from typing import NoReturn

import anyio
import pytest
from containers_here import ENGINES, small

from olmo_eval.sandbox import SandboxConfig
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_sandboxes.common import lease
from olmo_eval_sandboxes.common.engine import ContainerPlan, Engine

pytestmark = pytest.mark.engine

KILLS = 50
AT_ONCE = 5
RUN = "killed"


def a_run(name: str, number: int) -> NoReturn:
    """A run of its own process: environments are made, used and given back until it is killed."""

    async def main() -> None:
        config = SandboxConfig(mode=name, memory="64m", disk="8m", instances=2)
        async with SandboxPlanner([config], run_id=f"{RUN}-{number}") as planner:
            while True:
                binding = planner.binding(["bash"])
                box = await binding.get("bash")
                await box.exec(["sh", "-c", "sleep 60 & echo x > kept"])
                await binding.close()

    try:
        anyio.run(main)
    finally:
        os._exit(1)


def killed_at_random(name: str, chance: random.Random) -> None:
    """Many runs, some at a time, each killed at a point of its own."""
    for first in range(0, KILLS, AT_ONCE):
        running = []
        for number in range(first, first + AT_ONCE):
            pid = os.fork()  # this process has one thread, and the engine's modules loaded
            if pid == 0:
                a_run(name, number)
            running.append((time.monotonic() + chance.uniform(0.0, 2.0), pid))
        for due, pid in sorted(running):
            time.sleep(max(0.0, due - time.monotonic()))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def connected(name: str) -> Engine:
    engine = ENGINES[name].engine()
    engine.connect()
    return engine


def container(labels: dict[str, str]) -> ContainerPlan:
    image = os.environ["OLMO_EVAL_SANDBOX_IMAGE"]
    return ContainerPlan(image, ("sleep", "600"), labels, memory=64 << 20, cpus=1.0, pids=16)


def reaped(name: str) -> list[str]:
    async def main() -> list[str]:
        backend = small(name)
        await backend.start()
        try:
            return await backend.reap()
        finally:
            await backend.close()

    return anyio.run(main)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes about while an engine finishes what it was told before."""
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_fifty_kills_leave_nothing_and_harm_nobody(engine: str) -> None:
    chance = random.Random(7)
    killed_at_random(engine, chance)
    known = connected(engine)
    elsewhere = {lease.RUN: "elsewhere", lease.OWNER: "another-machine/7-7"}
    foreign = known.open(container({"colour": "blue"}))
    leased = known.open(container({**elsewhere, lease.EXPIRES: str(int(time.time()) + 600)}))
    over = known.open(container({**elsewhere, lease.EXPIRES: str(int(time.time()) - 1)}))
    try:
        removed = reaped(engine)

        def left() -> set[str]:
            found = {c.id: c.labels.get(lease.RUN, "") for c in known.listed(lease.RUN)}
            return {one for one, run in found.items() if run.startswith(f"{RUN}-")}

        assert eventually(lambda: not left())
        assert over.id in removed and not {foreign.id, leased.id} & set(removed)
        assert known.running(foreign.id) and known.running(leased.id)
        assert not {foreign.id, leased.id} & set(reaped(engine))
    finally:
        for one in (foreign, leased, over):
            known.remove(one.id)
        known.close()
