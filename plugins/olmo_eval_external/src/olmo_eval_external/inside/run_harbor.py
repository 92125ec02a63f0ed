"""Harbor with a model behind an endpoint. Runs in an environment that has harbor."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from channel import Channel, UsageFault, told

#: agents that ask no model
ALONE = ("oracle", "nop")
#: by which Harbor says that an agent was ended by its limit of time
TIMEOUT = "AgentTimeoutError"


def agent_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """The agent, as Harbor's configuration has it."""
    found: dict[str, Any] = {"name": job["agent"]}
    if job["agent_timeout"] is not None:
        found["override_timeout_sec"] = job["agent_timeout"]
    if job["agent"] in ALONE:
        return found
    settings = {
        "api_base": job["base_url"],
        "max_turns": job["max_turns"],
        "temperature": job["temperature"],
        "model_info": {
            "max_input_tokens": job["context"],
            "max_output_tokens": job["context"],
            "input_cost_per_token": 0.0,
            "output_cost_per_token": 0.0,
        },
        "record_terminal_session": False,  # which would install a program in each container
        "suppress_max_turns_warning": True,
    }
    kept = {name: value for name, value in settings.items() if value is not None}
    return {**found, "model_name": f"openai/{job['model']}", "kwargs": kept}


def config_of(job: Mapping[str, Any]) -> Any:
    from harbor.models.job.config import JobConfig

    tasks: dict[str, Any] = {}
    if job["path"] and (Path(job["path"]) / "task.toml").is_file():
        tasks["tasks"] = [{"path": job["path"]}]
    else:
        name, _, version = (job["dataset"] or "").partition("@")
        where = {"path": job["path"]} if job["path"] else {"name": name, "version": version or None}
        chosen = {"task_names": job["task_names"] or None, "n_tasks": job["limit"]}
        tasks["datasets"] = [{**where, **chosen}]
    return JobConfig(
        job_name="harbor",
        jobs_dir=Path.cwd(),
        n_attempts=job["attempts"],
        n_concurrent_trials=job["concurrency"],
        quiet=True,
        environment={"type": job["sandbox"]},
        agents=[agent_of(job)],
        **tasks,
    )


async def run(channel: Channel) -> None:
    """Let Harbor work on all tasks, telling each that ends."""
    from harbor.environments.factory import EnvironmentFactory
    from harbor.job import Job

    job = channel.job
    config = config_of(job)
    try:
        EnvironmentFactory.run_preflight(config.environment.type, None)
    except SystemExit as refusal:
        raise UsageFault(f"harbor: {refusal}", "-a sandbox=podman or docker") from refusal
    try:
        made = await Job.create(config)
    except (ValueError, FileNotFoundError) as error:
        raise UsageFault(f"harbor: {error}") from error
    rewards: list[float] = []
    errors: list[str] = []
    attempts: Counter[str] = Counter()
    total = len(made)

    async def ended(event: Any) -> None:
        one = row(event.result, attempts[event.result.task_name])
        attempts[event.result.task_name] += 1
        if one["reward"] is not None:
            rewards.append(one["reward"])
        else:
            errors.append(one["error"])
        channel.send("sample", **one)
        channel.progress(sum(attempts.values()), total)

    made.on_trial_ended(ended)
    channel.progress(0, total)
    await made.run()
    if not rewards:
        raise RuntimeError(f"no attempt came to a reward: {errors[0] if errors else 'no task'}")
    channel.send("metric", name="reward", value=sum(rewards) / len(rewards), higher=True)


def row(result: Any, attempt: int) -> dict[str, Any]:
    """An attempt at a task: its reward, and what happened."""
    rewards = dict((result.verifier_result and result.verifier_result.rewards) or {})
    problems = result.recorded_exceptions()
    valid = result.reward_valid
    reward = rewards.get("reward", next(iter(rewards.values()), None)) if valid else None
    folder = Path.cwd() / "harbor" / result.trial_name
    said = list(events(folder / "agent/trajectory.json"))
    texts = [e["text"] for e in said if e["type"] == "message" and e["role"] == "assistant"]
    return {
        "task": result.task_name,
        "attempt": attempt,
        "instruction": next((e["text"] for e in said if e.get("role") == "user"), ""),
        "reward": None if reward is None else float(reward),
        "rewards": rewards,
        "error": error_of(problems) or (None if valid else "the verifier gave no reward"),
        "timed_out": any(p.exception_type == TIMEOUT for p in problems),
        "answer": texts[-1] if texts else "",
        "events": said,
    }


def error_of(problems: list[Any]) -> str | None:
    told_of = [f"{p.exception_type}: {p.exception_message}" for p in problems]
    return told_of[0][:2000] if told_of else None


def events(path: Path) -> Iterator[dict[str, Any]]:
    """What the agent wrote of its work (ATIF), as an evaluation records it."""
    if not path.is_file():
        return
    for step in json.loads(path.read_text("utf-8"))["steps"]:
        role = "assistant" if step["source"] == "agent" else step["source"]
        yield {"type": "message", "role": role, "text": text_of(step.get("message"))}
        for call in step.get("tool_calls") or ():
            arguments = json.dumps(call["arguments"])
            named = {"id": call["tool_call_id"], "name": call["function_name"]}
            yield {"type": "tool_call", "call": {**named, "arguments": arguments}}
        for result in (step.get("observation") or {}).get("results", ()):
            known = {"call_id": result.get("source_call_id") or "", "error": False}
            content = text_of(result.get("content"))
            yield {"type": "tool_result", "result": {**known, "content": content}}


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content)
    return content or ""


def main() -> None:
    channel = Channel()
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["HARBOR_TELEMETRY"] = "off"
    os.environ["OPENAI_API_KEY"] = channel.job["api_key"]  # Harbor writes its settings to files
    # podman-compose, where the machine has no other
    os.environ["PATH"] += os.pathsep + str(Path(sys.executable).parent)
    with told(channel):
        asyncio.run(run(channel))


if __name__ == "__main__":
    main()
