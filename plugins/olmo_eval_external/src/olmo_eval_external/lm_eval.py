"""lm-evaluation-harness: any of its tasks, run by itself on the evaluated model.

Gao et al., "A framework for few-shot language model evaluation",
https://github.com/EleutherAI/lm-evaluation-harness. Log-likelihoods are those of the provider,
whose rule of tokenization is this framework's own, so that scores are those of its own engines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from olmo_eval.errors import UsageError
from olmo_eval.evals.external import (
    Argument,
    ExternalContext,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)
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

_YAML = (".yaml", ".yml")
#: stands for several tasks
MEAN = "mean"


class LMEval(Framework):
    """Tasks of lm-evaluation-harness."""

    name = "lm_eval"
    description = "any task of lm-evaluation-harness, run by itself"
    script = "run_lm_eval.py"
    pinned = Requirements("lm_eval", "lm_eval", ("lm_eval[api]==0.4.13",))
    arguments: ClassVar[Mapping[str, Argument]] = {
        "tasks": Argument(
            "names or groups of lm_eval's, or YAML files, with commas", type=str, required=True
        ),
        "num_fewshot": Argument("examples before each question", type=int),
        "limit": Argument(
            "the first so many documents of each task; below 1, that share", type=float
        ),
        "include_path": Argument("folder with tasks of your own", type=str),
        "apply_chat_template": Argument("ask as a chat", False),
        "fewshot_as_multiturn": Argument("examples as turns of the chat", True),
        "system_instruction": Argument("system prompt", type=str),
        "gen_kwargs": Argument(
            "settings of generation, such as temperature=0.7,do_sample=true", ""
        ),
        "seed": Argument("of what lm_eval draws, its few-shot examples above all", 1234),
        "unsafe_code": Argument("run tasks that execute what the model writes, unprotected", False),
        **DIRECTIONS,
        **ENVIRONMENT,
    }

    @classmethod
    def part(cls, arguments: Mapping[str, Any]) -> str:
        return ",".join(
            Path(name).stem if name.endswith(_YAML) else name for name in names(arguments["tasks"])
        )

    @classmethod
    def files(cls, arguments: Mapping[str, Any]) -> Sequence[str]:
        tasks = [name for name in names(arguments["tasks"]) if name.endswith(_YAML)]
        folder = arguments["include_path"]
        return tasks if folder is None else [*tasks, folder]

    def job(self, context: ExternalContext) -> dict[str, Any]:
        told = dict(context.arguments)
        tasks = [absolute(name) if name.endswith(_YAML) else name for name in names(told["tasks"])]
        kept = {
            name: told[name] for name in self.arguments if name not in (*ENVIRONMENT, *DIRECTIONS)
        }
        return {**kept, "tasks": tasks, "include_path": absolute(told["include_path"])}

    async def execute(self, context: Any) -> ExternalEvalResult:
        found = await self.run_program(context)
        return result_of(found, context.arguments, context.message)


def result_of(
    found: Reported, arguments: Mapping[str, Any], say: Any = print
) -> ExternalEvalResult:
    """What lm_eval reported. Of several tasks each metric has its task's name, and the mean of
    their first metrics stands for all.

    Raises:
        UsageError: no metric can be reported, or the tasks' first ones differ in direction.
    """
    metrics = directed(found.metrics, arguments, say)
    tasks = list(
        dict.fromkeys(event["task"] for event in found.metrics if event["name"] in metrics)
    )
    firsts = {task: _first(found.metrics, task, metrics) for task in tasks}
    alone = len(tasks) == 1
    values: dict[str | ExternalMetric, float] = {}
    if not alone:
        values[_mean(firsts, metrics)] = math.fsum(v for _, v in firsts.values()) / len(tasks)
    for event in found.metrics:
        if event["name"] in metrics:
            values[_of(event["task"], metrics[event["name"]], alone)] = event["value"]
    instances = [_instance(s, firsts, metrics, alone) for s in found.samples if s["task"] in firsts]
    return ExternalEvalResult(values, instances, metadata=found.metadata)


def _first(
    events: Sequence[Event], task: str, metrics: Mapping[str, ExternalMetric]
) -> tuple[str, float]:
    event = next(e for e in events if e["task"] == task and e["name"] in metrics)
    return event["name"], event["value"]


def _mean(
    firsts: Mapping[str, tuple[str, float]], metrics: Mapping[str, ExternalMetric]
) -> ExternalMetric:
    directions = {metrics[name].higher_is_better for name, _ in firsts.values()}
    if len(directions) > 1:
        raise UsageError(
            f"the tasks {', '.join(firsts)} have no mean: of some, lower is better",
            hint="run them by themselves",
        )
    return ExternalMetric(MEAN, higher_is_better=directions.pop())


def _of(task: str, metric: ExternalMetric, alone: bool) -> ExternalMetric:
    name = metric.name if alone else f"{task}/{metric.name}".replace(":", ".")
    return ExternalMetric(name, higher_is_better=metric.higher_is_better)


def _instance(
    sample: Event,
    firsts: Mapping[str, tuple[str, float]],
    metrics: Mapping[str, ExternalMetric],
    alone: bool,
) -> ExternalInstance:
    task = sample["task"]
    first = sample["scores"].get(firsts[task][0])
    scores = {
        _of(task, metrics[name], alone).name: value
        for name, value in sample["scores"].items()
        if name in metrics and not (alone and name == firsts[task][0])
    }
    prefix = "" if alone and sample["leaf"] == task else f"{sample['leaf']}/"
    return ExternalInstance(
        prefix + sample["id"],
        first,
        question=sample["question"],
        answer=sample["answer"],
        gold=sample["gold"],
        metadata={"task": sample["leaf"], "doc_id": sample["doc_id"]},
        scores=scores,
    )
