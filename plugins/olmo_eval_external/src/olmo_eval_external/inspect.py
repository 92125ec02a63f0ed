"""Inspect: any of its tasks, run by itself on the evaluated model.

UK AI Security Institute, https://inspect.aisi.org.uk. What Inspect writes (``logs/*.eval``) is kept
with the run and opens in ``inspect view``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

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
from olmo_eval_external.framework import (
    DIRECTIONS,
    ENVIRONMENT,
    Framework,
    Reported,
    absolute,
    directed,
    names,
)
from olmo_eval_external.program import Event

_GENERATION = ("temperature", "top_p", "max_tokens", "seed")


#: Inspect's names of limits -> ours
_LIMITS = {"message": "max_turns", "token": "max_tokens", "time": "timeout", "working": "timeout"}


class Inspect(Framework):
    """Tasks of Inspect."""

    name = "inspect"
    description = "any task of Inspect, run by itself"
    script = "run_inspect.py"
    pinned = Requirements("inspect", "inspect_ai", ("inspect_ai==0.3.285", "openai"))
    arguments: ClassVar[Mapping[str, Argument]] = {
        "task": Argument("FILE, FILE@TASK or PACKAGE/TASK", type=str, required=True),
        "task_args": Argument("arguments of the task, KEY=VALUE with commas", ""),
        "limit": Argument("the first so many samples", type=int),
        "epochs": Argument("times that each sample is asked", type=int),
        "temperature": Argument("of the model, where the task does not say", type=float),
        "top_p": Argument("of the model", type=float),
        "max_tokens": Argument("of an answer", type=int),
        "seed": Argument("of the model", type=int),
        "sandbox": Argument("of Inspect's own: docker, local", ""),
        "message_limit": Argument("messages of a sample", type=int),
        "token_limit": Argument("tokens of a sample", type=int),
        "time_limit": Argument("seconds of a sample", type=int),
        "retry_on_error": Argument("times that a sample which failed is tried again", 0),
        "grader": Argument(
            "auxiliary provider of the harness that plays the role `grader`", type=str
        ),
        "packages": Argument("further requirements of the task, such as inspect_evals", ""),
        **DIRECTIONS,
        **ENVIRONMENT,
    }

    @classmethod
    def part(cls, arguments: Mapping[str, Any]) -> str:
        file, _, task = arguments["task"].partition("@")
        return task or (Path(file).stem if file.endswith(".py") else file)

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"model:{arguments['grader']}",) if arguments["grader"] else ()

    @classmethod
    def requirements(cls, arguments: Mapping[str, Any]) -> Requirements:
        return cls.pinned.with_packages(names(arguments["packages"]))

    @classmethod
    def files(cls, arguments: Mapping[str, Any]) -> Sequence[str]:
        file = arguments["task"].partition("@")[0]
        return [file] if file.endswith((".py", ".ipynb")) else []

    def job(self, context: ExternalContext) -> dict[str, Any]:
        told = context.arguments
        file, at, task = told["task"].partition("@")
        place = absolute(file) if file.endswith((".py", ".ipynb")) else file
        grader = None
        if told["grader"]:
            judge = context.endpoint(told["grader"])
            grader = {"base_url": judge.base_url, "api_key": judge.api_key, "model": judge.model}
        passed = ("limit", "epochs", "sandbox", "message_limit", "token_limit", "time_limit")
        return {
            **{name: told[name] for name in (*passed, "retry_on_error")},
            "task": f"{place}{at}{task}",
            "task_args": pairs(told["task_args"]),
            "generation": {name: told[name] for name in _GENERATION},
            "grader": grader,
            "log_dir": absolute(str(context.folder / "logs")),
        }

    async def execute(self, context: Any) -> ExternalEvalResult:
        found = await self.run_program(context)
        return result_of(found, context.arguments, context.message)


def pairs(text: str) -> dict[str, Any]:
    """``a=1,b=text`` as values, read as YAML.

    Raises:
        UsageError: a part has no ``=``.
    """
    import yaml

    found = {}
    for part in names(text):
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"task_args: expected KEY=VALUE, got {part!r}")
        found[key.strip()] = yaml.safe_load(value)
    return found


def result_of(
    found: Reported, arguments: Mapping[str, Any], say: Any = print
) -> ExternalEvalResult:
    """What Inspect reported; a higher value is better unless the user says otherwise.

    A metric that is the only one of its scorer, or its ``accuracy`` or ``mean``, has the values of
    the samples.
    """
    events = [{**event, "higher": True} for event in found.metrics]
    metrics = directed(events, arguments, say)
    values: dict[str | ExternalMetric, float] = {}
    scored_by: dict[str, str] = {}
    for event in events:
        metric = metrics[event["name"]]
        values[metric] = event["value"]
        if event["name"].rpartition("/")[2] in ("accuracy", "mean"):
            scored_by.setdefault(event["scorer"], metric.name)
    for event in events:
        scored_by.setdefault(event["scorer"], metrics[event["name"]].name)
    primary = next(iter(metrics.values())).name
    primary = scored_by[events[0]["scorer"]] if events else primary
    several = max((sample["epoch"] for sample in found.samples), default=1) > 1
    instances = [_instance(sample, scored_by, primary, several) for sample in found.samples]
    return ExternalEvalResult(values, instances, primary=primary, metadata=found.metadata)


def _instance(
    sample: Event, scored_by: Mapping[str, str], primary: str, several: bool
) -> ExternalInstance:
    scores = {scored_by[n]: v for n, v in sample["scores"].items() if n in scored_by}
    score = scores.pop(primary, None)
    outcome = None
    if sample["limit"] is not None and score is not None:
        outcome = Outcome.LIMIT_REACHED
    metadata = {"explanation": sample["explanation"]} if sample["explanation"] else {}
    if several:
        metadata = {**metadata, "cluster": sample["id"], "epoch": sample["epoch"]}
    return ExternalInstance(
        f"{sample['id']}#{sample['epoch']}" if several else sample["id"],
        score,
        question=sample["question"],
        answer=sample["answer"],
        gold=sample["gold"],
        metadata=metadata,
        scores=scores,
        outcome=outcome,
        error=sample["error"],
        trajectory=conversation(sample["events"], _LIMITS.get(sample["limit"], sample["limit"])),
    )
