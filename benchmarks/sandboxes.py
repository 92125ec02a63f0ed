"""What running generated programs costs in containers: ratios, all measured in one run.

    python benchmarks/sandboxes.py [--sandbox docker|podman] [--rounds 3] [--only runner humaneval]

- ``runner``: programs a second of the resident runner, each in an environment as new, beside one
  ``exec`` of the engine each in a warm container, and beside one container each; as many at once as
  there are processors, the three taking turns.
- ``humaneval``: HumanEval's 164 gold solutions with their tests, each in environments as new, from
  warm containers. Its data comes from the hub, or from ``OLMO_EVAL_DATA_MIRROR``.
- ``overlap``: a run whose scoring takes longer than its answers: wall time beside that of scoring
  alone, and how long the engine had nothing to do though there was something to ask.

The engines are found as programs find them: DOCKER_HOST, CONTAINER_HOST, the default sockets.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio

from olmo_eval.agents.shared import Shared
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.tasks.common import get_task
from olmo_eval.results.store import Store
from olmo_eval.sandbox import SandboxConfig
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_tasks.scorers.code import CodeExecutionScorer

CORES = len(os.sched_getaffinity(0))
PROGRAM = "import json, math\nprint(json.dumps([math.isqrt(n) for n in range(100)]))"
IMAGE = os.environ.get("OLMO_EVAL_SANDBOX_IMAGE", "docker.io/library/python:3.12-slim")


class Place:
    """What of an episode a scorer of code uses."""

    def __init__(self, planner: SandboxPlanner, shared: Shared) -> None:
        self.binding = planner.binding(["python"])
        self.shared = shared
        self.recorded: dict[str, Any] = {}

    async def sandbox(self, capability: str) -> Any:
        return await self.binding.get(capability)

    async def renew(self, capability: str) -> Any:
        return await self.binding.renew(capability)

    async def once(self, key: Any, work: Any) -> Any:
        return await self.shared.get(json.dumps(key), work)

    def record(self, key: str, value: Any) -> None:
        self.recorded[key] = value


# -- the resident runner beside the engine's own means


async def resident(planner: SandboxPlanner, count: int) -> float:
    """Seconds for ``count`` programs, each in an environment as new."""
    left = list(range(count))

    async def work() -> None:
        while left:
            left.pop()
            binding = planner.binding(["python"])
            box = await binding.get("python")
            result = await box.exec(["python3", "-I", "-c", PROGRAM])
            assert result.ok, result
            await binding.close()

    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(CORES):
            group.start_soon(work)
    return time.perf_counter() - began


class Rival:
    """One ``exec``, or one container, a program, through the engine's Python SDK."""

    def __init__(self, engine: str) -> None:
        if engine == "docker":
            import docker

            self.client: Any = docker.from_env()
        else:
            import podman

            self.client = podman.PodmanClient(base_url=os.environ.get("CONTAINER_HOST"))
        self.limits = {"network_mode": "none", "mem_limit": 512 << 20, "pids_limit": 128}
        self.warm = [
            self.client.containers.run(IMAGE, ["sleep", "3600"], detach=True, **self.limits)
            for _ in range(CORES)
        ]

    def execs(self, count: int) -> float:
        def one(number: int) -> None:
            box = self.warm[number % CORES]
            code, _output = box.exec_run(["timeout", "10", "python3", "-I", "-c", PROGRAM])
            assert code == 0

        return self._timed(one, count)

    def containers(self, count: int) -> float:
        def one(_number: int) -> None:
            box = self.client.containers.create(
                IMAGE, ["python3", "-I", "-c", PROGRAM], **self.limits
            )
            box.start()
            box.wait()
            box.remove(force=True)

        return self._timed(one, count)

    @staticmethod
    def _timed(one: Callable[[int], None], count: int) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(one, range(count)))
        return time.perf_counter() - began

    def close(self) -> None:
        for box in self.warm:
            box.remove(force=True)
        self.client.close()


def compare_runners(engine: str, rounds: int) -> None:
    rates: dict[str, list[float]] = {"resident": [], "exec each": [], "container each": []}

    async def main() -> None:
        config = SandboxConfig(mode=engine, instances=CORES)
        async with SandboxPlanner([config]) as planner:
            await resident(planner, 4 * CORES)  # warm
            for _ in range(rounds):
                rates["resident"].append(100 / await resident(planner, 100))
                for name, rival, count in (
                    ("exec each", beside.execs, 30),
                    ("container each", beside.containers, 8),
                ):
                    seconds = await anyio.to_thread.run_sync(rival, count)
                    rates[name].append(count / seconds)

    beside = Rival(engine)
    try:
        anyio.run(main)
    finally:
        beside.close()
    best = statistics.median(rates["resident"])
    print(f"{'programs a second':<22} {'median':>8} {'least':>8} {'most':>8}   resident is")
    for name, found in rates.items():
        middle = statistics.median(found)
        factor = "" if name == "resident" else f"{best / middle:5.1f} times as fast"
        print(f"{name:<22} {middle:8.1f} {min(found):8.1f} {max(found):8.1f}   {factor}")


# -- HumanEval


async def gold(planner: SandboxPlanner, instances: Sequence[Instance]) -> float:
    """Seconds for the gold solutions of ``instances``."""
    left, shared, scorer = list(instances), Shared(), CodeExecutionScorer()

    async def work() -> None:
        while left:
            instance = left.pop()
            place = Place(planner, shared)
            answer = str(instance.gold_answer)
            output = LMOutput(answer, extracted_answer=answer)
            passed = await scorer.score_async(instance, output, place)  # type: ignore[arg-type]
            assert passed == 1.0, (instance.metadata["id"], place.recorded)
            await place.binding.close()

    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(CORES):
            group.start_soon(work)
    return time.perf_counter() - began


def measure_humaneval(engine: str, rounds: int) -> None:
    instances = list(get_task("humaneval").instances)

    async def main() -> list[float]:
        config = SandboxConfig(mode=engine, instances=CORES)
        async with SandboxPlanner([config]) as planner:
            await resident(planner, 4 * CORES)  # warm
            return [await gold(planner, instances) for _ in range(rounds)]

    seconds = anyio.run(main)
    print(f"humaneval's {len(instances)} gold solutions: first {seconds[0]:.1f} s", end="")
    print(f", again {min(seconds[1:]):.1f} s" if seconds[1:] else "")


# -- two stages

_TASK = """
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval_tasks.scorers.code import CodeExecutionScorer


@register("slow_tests")
class SlowTests(Task):
    metrics = (AccuracyMetric(scorer=CodeExecutionScorer()),)
    sampling_params = SamplingParams(max_tokens=64)

    @property
    def instances(self):
        for n in range({count}):
            head = f"def f(x):\\n    # {{n}}\\n"
            test = "import time\\ntime.sleep({tests})\\nassert f(1) == 1\\n"
            yield Instance(head, "    return x\\n",
                           metadata={{"code_prefix": head, "test": test, "entry_point": "f"}})

    def extract_answer(self, output):
        return output.text
"""


def measure_overlap(engine: str) -> None:
    count, answer, tests = 24, 0.2, 0.5
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "slow_tests.py"
        plugin.write_text(_TASK.format(count=count, tests=tests))
        command = [sys.executable, "-m", "olmo_eval.cli", "run", "--plugin", str(plugin)]
        command += ["-m", "mock", "-t", "slow_tests", "--sandbox", engine, "--results", folder]
        command += ["-o", f"provider.kwargs.latency={answer}", "-o", "max_concurrency=1"]
        command += ["-o", "provider.kwargs.skill=1", "-o", f"sandboxes.0.instances={CORES}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (session,) = Store(folder).find("latest").record["sessions"]
    wall, engine_busy = session["evaluate_seconds"], session["engine_seconds"]
    scoring = session["scoring_seconds"]
    print(
        f"two stages: {count} answers of {answer} s one after the other, tests of {tests} s: "
        f"{wall:.1f} s in all, of which something was asked for {engine_busy:.1f} s (least "
        f"possible {count * answer:.1f}) and something scored for {scoring:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandbox", default="docker", choices=["docker", "podman"])
    parser.add_argument("--rounds", type=int, default=3)
    parts = ("runner", "humaneval", "overlap")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    asked = parser.parse_args()
    print(f"{asked.sandbox}, {CORES} processors, load {os.getloadavg()[0]:.1f}")
    if "runner" in asked.only:
        compare_runners(asked.sandbox, asked.rounds)
    if "humaneval" in asked.only:
        measure_humaneval(asked.sandbox, asked.rounds)
    if "overlap" in asked.only:
        measure_overlap(asked.sandbox)


if __name__ == "__main__":
    main()
