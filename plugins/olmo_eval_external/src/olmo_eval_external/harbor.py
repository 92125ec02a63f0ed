"""Harbor: agents in containers, on tasks with an instruction, an environment and a verifier.

The format of Terminal-Bench 2 and of many other benchmarks, https://harborframework.com; Harbor
brings the agent, runs the environments and reads the rewards.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anyio
import anyio.to_thread

from olmo_eval.common.types import Outcome
from olmo_eval.errors import UsageError
from olmo_eval.evals.external import (
    Argument,
    ExternalContext,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)
from olmo_eval_external.conversation import conversation
from olmo_eval_external.environments import Requirements
from olmo_eval_external.framework import ENVIRONMENT, Framework, Reported, absolute, names
from olmo_eval_external.program import Event

REWARD = ExternalMetric("reward", higher_is_better=True)
#: what Harbor calls its agents that ask no model
_ALONE = ("oracle", "nop")


class Harbor(Framework):
    """Agents at work in containers."""

    name = "harbor"
    description = "Harbor: an agent works on tasks in containers, such as Terminal-Bench's"
    script = "run_harbor.py"
    pinned = Requirements(
        "harbor", "harbor", ("harbor==0.26.0", "podman-compose==1.6.0"), python=(3, 12)
    )
    metrics: ClassVar[tuple[ExternalMetric, ...]] = (REWARD,)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "path": Argument("folder of tasks, or a task", type=str),
        "dataset": Argument("of Harbor's registry, as NAME@VERSION, instead of a path", type=str),
        "task_names": Argument("these tasks alone, with commas; patterns as *sql*", ""),
        "limit": Argument("the first so many tasks", type=int),
        "attempts": Argument("at each task", 1),
        "agent": Argument(
            "terminus-2, which types into a terminal; oracle, which knows the solution, and nop, "
            "which does nothing, ask no model",
            "terminus-2",
            choices=("terminus-2", *_ALONE),
        ),
        "max_turns": Argument("answers of the model in an attempt", type=int),
        "temperature": Argument("of the agent", type=float),
        "agent_timeout": Argument("seconds of an agent, where not the task's own", type=float),
        "context": Argument("tokens that the model reads at most", 32_768),
        "sandbox": Argument(
            "what runs the containers; docker needs its compose plugin",
            "docker",
            choices=("docker", "podman"),
        ),
        **ENVIRONMENT,
    }

    @classmethod
    def part(cls, arguments: Mapping[str, Any]) -> str:
        where = str(arguments["path"] or arguments["dataset"] or "")
        return where.rstrip("/").rpartition("/")[2].partition("@")[0]

    @classmethod
    def files(cls, arguments: Mapping[str, Any]) -> Sequence[str]:
        given = [name for name in ("path", "dataset") if arguments[name]]
        if len(given) != 1:
            raise UsageError(
                "harbor needs tasks: a path or a dataset, and not both",
                hint="-a path=FOLDER, or -a dataset=terminal-bench@2.0",
            )
        return [arguments["path"]] if arguments["path"] else []

    def job(self, context: ExternalContext) -> dict[str, Any]:
        told = context.arguments
        kept = {name: told[name] for name in self.arguments if name not in ENVIRONMENT}
        return {
            **kept,
            "path": absolute(told["path"]),
            "task_names": list(names(told["task_names"])),
        }

    async def execute(self, context: Any) -> ExternalEvalResult:
        try:
            return result_of(await self.run_program(context))
        except BaseException:  # ended in the middle, Harbor removes nothing
            with anyio.CancelScope(shield=True):
                engine, records = context.arguments["sandbox"], context.folder / "harbor"
                await anyio.to_thread.run_sync(remove_containers, engine, records)
            raise


def remove_containers(engine: str, records: Path) -> None:
    """Remove the containers of the attempts whose records are in a folder; what cannot be asked is
    let be."""
    for attempt in sorted(records.glob("*/")):
        project = re.sub(r"[^a-z0-9_-]", "-", f"{attempt.name}__env".lower())
        label = f"label=com.docker.compose.project={project}"
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            listed = _told([engine, "ps", "--all", "--quiet", "--filter", label])
            if listed:
                _told([engine, "rm", "--force", "--volumes", *listed])


def _told(argv: Sequence[str]) -> list[str]:
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return ran.stdout.split()


def result_of(found: Reported) -> ExternalEvalResult:
    """What Harbor reported: the mean reward of the attempts that came to an end."""
    (mean,) = found.metrics
    several = any(sample["attempt"] for sample in found.samples)
    rows = [_instance(one, several) for one in found.samples]
    return ExternalEvalResult({REWARD: mean["value"]}, rows)


def _instance(one: Event, several: bool) -> ExternalInstance:
    limit = "timeout" if one["timed_out"] else None
    metadata: dict[str, Any] = {"rewards": one["rewards"], "attempt": one["attempt"]}
    if several:
        metadata["cluster"] = one["task"]
    return ExternalInstance(
        f"{one['task']}#{one['attempt']}" if several else one["task"],
        one["reward"],
        question=one["instruction"],
        answer=one["answer"],
        metadata=metadata,
        outcome=Outcome.LIMIT_REACHED if limit and one["reward"] is not None else None,
        error=one["error"],
        trajectory=conversation(one["events"], limit),
    )
