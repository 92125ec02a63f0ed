"""Scorers that take their time: one that waits, one that computes, one that asks a judge."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import anyio
from attrs import frozen

import olmo_eval
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.scorers.judge import JudgeScorer
from olmo_eval.common.types import (
    Capability,
    Instance,
    LMOutput,
    LMRequest,
    SamplingParams,
    TokenLogprob,
    Usage,
)
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.judges import Judge, JudgeError, Judgment
from olmo_eval.providers import Provider


def note(name: str, line: object) -> None:
    with Path(name).open("a") as log:
        log.write(f"{line}\n")


def there(name: str) -> bool:
    return Path(name).exists()


class Asked(Provider):
    """Adds, and writes down what it is asked."""

    capabilities = frozenset({Capability.GENERATE, Capability.CHAT})
    default_concurrency = 4

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        note("asked.log", request.prompt.splitlines()[-2:])
        n = int(re.findall(r"(\d+) plus 1", request.prompt)[-1])
        tokens: tuple[TokenLogprob, ...] = ({"token": str(n + 1), "logprob": -0.5},)
        usage = Usage(prompt_tokens=7, completion_tokens=3)
        return [LMOutput(str(n + 1), finish_reason="stop", logprobs=tokens, usage=usage)]


@frozen
class Waits(AsyncScorer):
    """Waits for the file ``go``, so that only what does not wait for it can go on."""

    name = "waits"
    seconds: float = 60.0

    async def score_async(self, instance: Instance, output: LMOutput, context: Any) -> float:
        with anyio.fail_after(self.seconds):
            while not there("go"):  # noqa: ASYNC110, another process makes it
                await anyio.sleep(0.01)
        note("scored.log", instance.id)
        return float(output.extracted_answer == instance.gold_answer)


@frozen
class Reads(Scorer):
    """Reads all that an answer came with."""

    name = "reads"

    def score(self, instance: Instance, output: LMOutput) -> float:
        assert output.usage is not None and output.usage.prompt_tokens == 7
        assert output.logprobs is not None and output.logprobs[0]["logprob"] == -0.5
        note("scored.log", instance.id)
        return 1.0


@frozen
class Computes(Scorer):
    name = "computes"
    cpu_bound = True
    time_limit = 0.5

    def score(self, instance: Instance, output: LMOutput) -> float:
        match instance.metadata["id"]:
            case "s3":
                time.sleep(1000)
            case "s4":
                raise SystemExit(3)
            case "s5":
                os.kill(os.getpid(), signal.SIGKILL)
        note("pids.log", os.getpid())
        return 1.0


class Moody(Judge):
    """Cannot be asked where the file ``down`` lies."""

    name = "moody"

    async def grade(self, instance: Instance, output: LMOutput) -> Judgment:
        note("judged.log", instance.id)
        if there("down"):
            raise JudgeError("the judge is down")
        return Judgment(1.0, "right", metadata={"seen": output.text})


class Sums(Task):
    data_source = DataSource(path="sums/test.jsonl", source_type="local")
    formatter = GenerationFormatter(template="Q: {{question}}\nA:")
    sampling_params = SamplingParams(max_tokens=8)

    def process_doc(self, doc: dict[str, Any]) -> Instance:
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})


@register("waited")
class Waited(Sums):
    metrics = (AccuracyMetric(scorer=Waits),)


@register("read")
class Read(Sums):
    metrics = (AccuracyMetric(scorer=Reads),)


@register("computed")
class Computed(Sums):
    metrics = (AccuracyMetric(scorer=Computes),)


@register("judged")
class Judged(Sums):
    metrics = (AccuracyMetric(scorer=JudgeScorer),)


@olmo_eval.hookimpl
def register_providers(register: Any) -> None:
    register("asked", Asked)


@olmo_eval.hookimpl
def register_judges(register: Any) -> None:
    register("moody", Moody)
