"""Benchmarks to look at, over files in the current folder; ``hostile`` has texts that attack."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter, GenerationFormatter, LetteredFormatter
from olmo_eval.common.metrics import AccuracyMetric, LogprobMCAccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


@register("sums")
class Sums(Task):
    """Short answers, easy and hard."""

    data_source = DataSource(path="./sums", split="test")
    formatter = GenerationFormatter(template="Q: {question}\nA:")
    sampling_params = SamplingParams(temperature=0.0, max_tokens=16)
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        metadata = {key: doc[key] for key in ("id", "level")}
        return Instance(doc["question"], doc["answer"], metadata=metadata)


@register("pick")
class Pick(Task):
    """Multiple choice by log-likelihood."""

    data_source = DataSource(path="./pick", split="test")
    formatter = LetteredFormatter()
    metrics = (LogprobMCAccuracyMetric(),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        metadata = {"id": doc["id"], "gold_idx": doc["gold"]}
        choices = doc["choices"]
        return Instance(doc["question"], choices[doc["gold"]], choices=choices, metadata=metadata)


@register("hostile")
class Hostile(Task):
    """Questions, gold answers and metadata that try to run, to hide or to break the layout."""

    data_source = DataSource(path="./hostile", split="test")
    formatter = ChatFormatter()
    sampling_params = SamplingParams(temperature=0.0, max_tokens=16)
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            doc["text"], doc["text"], metadata={"id": doc["id"], "kind": doc["text"][:60]}
        )
