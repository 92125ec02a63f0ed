"""Tasks of Inspect on a model behind an endpoint. Runs in an environment that has inspect_ai."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from channel import Channel, UsageFault, told

#: metrics of Inspect's that say how sure another one is
_ERRORS = ("stderr", "std", "var", "bootstrap_stderr")


def evaluate(channel: Channel) -> Any:
    """Inspect's log of the job."""
    from inspect_ai import eval as run

    job = channel.job
    logs = run(
        task_of(job["task"]),
        model=model(job),
        model_roles={"grader": model(job["grader"])} if job["grader"] else None,
        task_args=job["task_args"],
        limit=job["limit"],
        epochs=job["epochs"],
        sandbox=job["sandbox"] or None,
        message_limit=job["message_limit"],
        token_limit=job["token_limit"],
        time_limit=job["time_limit"],
        max_connections=job["concurrency"],
        max_samples=job["concurrency"],
        max_tasks=1,
        fail_on_error=False,
        retry_on_error=job["retry_on_error"],
        display="none",
        log_level="warning",
        log_dir=job["log_dir"],
        log_format="eval",
        log_model_api=False,
        **{name: value for name, value in job["generation"].items() if value is not None},
    )
    if len(logs) != 1:
        raise UsageFault(
            f"{job['task']} stands for {len(logs)} tasks", "name one: FILE@TASK, or PACKAGE/TASK"
        )
    return logs[0]


def task_of(named: str) -> str:
    """The task as Inspect names it; a file that is not there is a fault of the user's."""
    file = named.partition("@")[0]
    if file.endswith((".py", ".ipynb")) and not os.path.isfile(file):
        raise UsageFault(f"there is no file {file}")
    return named


def model(job: Mapping[str, Any]) -> Any:
    """A model behind an endpoint, as Inspect knows models."""
    from inspect_ai.model import get_model

    return get_model(
        f"openai-api/olmo/{job['model']}",
        base_url=job["base_url"],
        api_key=job["api_key"],
        responses_api=False,
        stream=False,
    )


def watch(channel: Channel) -> None:
    """Tell how many samples are done."""
    from inspect_ai.hooks import Hooks, SampleEnd, TaskStart, hooks

    @hooks(name="olmo_eval_progress", description="tells how many samples are done")
    class Progress(Hooks):  # type: ignore[misc]
        total: int | None = None
        done = 0

        async def on_task_start(self, data: TaskStart) -> None:
            spec = data.spec
            samples = spec.dataset.samples
            if isinstance(spec.config.limit, int):
                samples = min(samples or spec.config.limit, spec.config.limit)
            self.total = None if samples is None else samples * (spec.config.epochs or 1)

        async def on_sample_end(self, data: SampleEnd) -> None:
            self.done += 1
            channel.progress(self.done, self.total)


# -- what came out


def report(channel: Channel, log: Any) -> None:
    """Send the metrics and the samples of a log."""
    if log.status != "success" or log.results is None:
        why = log.error.message if log.error else f"Inspect ended as {log.status}"
        raise RuntimeError(why)
    scores = [score for score in log.results.scores if score.metrics]
    for score in scores:
        for metric in score.metrics.values():
            if metric.name not in _ERRORS and math.isfinite(metric.value):
                name = named(score.name, metric.name, alone=len(scores) == 1)
                channel.send(
                    "metric", name=name, value=metric.value, higher=None, scorer=score.name
                )
    converters = dict(to_floats(log))
    for sample in log.samples or ():
        channel.send("sample", **row(sample, converters))
    spec = log.eval
    channel.send(
        "metadata",
        value={
            "task": spec.task,
            "task_version": spec.task_version,
            "task_args": spec.task_args,
            "dataset": spec.dataset.model_dump(include={"name", "location", "samples"}),
            "solver": log.plan.steps[-1].solver if log.plan.steps else None,
            "log": os.path.basename(log.location),
            "scored": log.results.completed_samples,
            "total": log.results.total_samples,
        },
    )


def named(scorer: str, metric: str, *, alone: bool) -> str:
    return metric if alone else f"{scorer}/{metric}"


def to_floats(log: Any) -> Iterator[tuple[str, Any]]:
    """For each scorer how it turns a score into a number."""
    from inspect_ai.scorer import value_to_float

    for score in log.results.scores:
        yield score.name, value_to_float()


def row(sample: Any, converters: Mapping[str, Any]) -> dict[str, Any]:
    """A sample: its id, what was asked and answered, its scores by scorer, how it ended."""
    values = {}
    for name, score in (sample.scores or {}).items():
        value = number(score.value, converters.get(name))
        if value is not None:
            values[name] = value
    best = next(iter((sample.scores or {}).values()), None)
    answer = best.answer if best is not None and best.answer is not None else None
    return {
        "id": str(sample.id),
        "epoch": sample.epoch,
        "question": text(sample.input),
        "answer": answer if answer is not None else sample.output.completion,
        "gold": sample.target if isinstance(sample.target, str) else "; ".join(sample.target),
        "scores": values,
        "error": sample.error.message if sample.error else None,
        "limit": sample.limit.type if sample.limit else None,
        "explanation": best.explanation if best is not None else None,
        "events": list(events(sample.messages)),
    }


def number(value: Any, convert: Any) -> float | None:
    """A score as a number; None of one that is several, or is none."""
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str) and convert is not None:
        return float(convert(value))
    return None


def text(content: Any) -> str:
    """The text of an input: a text, or that of its last message."""
    if isinstance(content, str):
        return content
    return str(content[-1].text) if content else ""


def events(messages: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The conversation, as an evaluation records one."""
    for message in messages:
        if message.role == "tool":
            failed = message.error is not None
            said = message.error.message if failed else message.text
            result = {"call_id": message.tool_call_id or "", "content": said, "error": failed}
            yield {"type": "tool_result", "result": result}
            continue
        yield {"type": "message", "role": message.role, "text": message.text}
        for call in getattr(message, "tool_calls", None) or ():
            named = {"id": call.id, "name": call.function, "arguments": json.dumps(call.arguments)}
            yield {"type": "tool_call", "call": named}


def main() -> None:
    channel = Channel()
    os.environ["INSPECT_DISABLE_MODEL_CACHE"] = "1"
    with told(channel):
        watch(channel)
        report(channel, evaluate(channel))


if __name__ == "__main__":
    main()
