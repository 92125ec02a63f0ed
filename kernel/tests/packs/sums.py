"""Small benchmarks over files in the current folder: a plugin, as a person would write one."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import (
    GenerationFormatter,
    LetteredFormatter,
    PPLFormatter,
)
from olmo_eval.common.metrics import (
    AccuracyMetric,
    BPBMetricByteAvg,
    CorpusPerplexityMetric,
    LogprobMCAccuracyMetric,
)
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.evals.tasks.common import Task, register, register_variant


@register("sums")
class Sums(Task):
    """Short answers."""

    data_source = DataSource(path="./sums", split="test")
    fewshot_split = "train"
    formatter = GenerationFormatter(template="Q: {question}\nA:")
    sampling_params = SamplingParams(temperature=0.0, max_tokens=16, stop_sequences=("\n",))
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        metadata = {"id": doc["id"]} | ({"cluster": doc["page"]} if "page" in doc else {})
        return Instance(doc["question"], doc["answer"], metadata=metadata)


register_variant("sums", "2shot", num_fewshot=2, fewshot_seed=7)
register_variant("sums", "warm", temperature=0.8, num_samples=2)
register_variant("sums", "few", data_source=DataSource(path="./few", split="test"))


@register("pick")
class Pick(Task):
    """Multiple choice by log-likelihood."""

    data_source = DataSource(path="./pick", split="test")
    formatter = LetteredFormatter()
    metrics = (LogprobMCAccuracyMetric(),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            doc["question"],
            doc["choices"][doc["gold"]],
            choices=doc["choices"],
            metadata={"id": doc["id"], "gold_idx": doc["gold"]},
        )


@register("prose")
class Prose(Task):
    """How likely a text is: lower is better, long texts weigh more."""

    data_source = DataSource(path="./prose", split="test")
    formatter = PPLFormatter()
    metrics = (BPBMetricByteAvg(), CorpusPerplexityMetric())

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(doc["title"], doc["text"], metadata={"id": doc["id"]})


register_variant("prose", "ppl", primary_metric="perplexity_corpus")

register_suite(Suite("both", ("sums", "pick")))
register_suite(Suite("sized", ("sums", "sums:few"), aggregation="weighted_average"))
register_suite(Suite("shown", ("sums", "pick"), aggregation="display_only"))
register_suite(Suite("texts", ("prose:ppl", "prose"), mixed=True))
register_suite(Suite("nested", ("pick", "sized"), aggregation="average_of_averages"))
