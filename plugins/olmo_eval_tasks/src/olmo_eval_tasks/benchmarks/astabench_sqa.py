"""ScholarQA of AstaBench: questions of computer science, answered with a report on the literature.

- Data: ``allenai/asta-bench`` at revision a600dc7, file ``tasks/sqa/rubrics_v1_recomputed.json``;
  ``test`` reads ``rubrics_v2_recomputed.json``.
- Prompt: the question, and in what form to answer: a report as JSON, in sections with citations.
  The text is ours.
- Shots: none.
- Extraction: the report is the last JSON object of the output.
- Metric: the harness's judge says how far the report holds the ingredients of a good answer, what
  of it is to the point, and which claims its citations support; ``global_avg`` is the mean of the
  four.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import register, register_variant
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.benchmarks.expertqa import AttributedQA
from olmo_eval_tasks.scorers.attributed import GlobalAverage, ReportMetric


def rubrics(version: int) -> DataSource:
    return DataSource(
        path="allenai/asta-bench",
        data_files=(f"tasks/sqa/rubrics_v{version}_recomputed.json",),
        revision="a600dc7",
        split="train",
    )


@register("astabench_scholarqa")
class ScholarQA(AttributedQA):
    """Questions of computer science, answered with a report on the literature."""

    data_source = rubrics(1)
    metrics = (
        GlobalAverage(),
        ReportMetric(part="ingredient_recall"),
        ReportMetric(part="answer_precision"),
        ReportMetric(part="citation_precision"),
        ReportMetric(part="citation_recall"),
    )
    primary_metric = "global_avg"
    card = Card(
        citation="Bragg et al. 2025, AstaBench: Rigorous Benchmarking of AI Agents with a "
        "Scientific Research Suite",
        url="https://arxiv.org/abs/2510.21652",
        access="The data set is gated: accept its terms on its page and set HF_TOKEN.",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        question = doc.get("question") or doc["initial_prompt"]
        known: dict[str, Any] = {"ingredients": list(ingredients_of(doc))}
        if not known["ingredients"]:
            raise ValueError("it names no ingredients")
        if "case_id" in doc:
            known["id"] = doc["case_id"]
        return Instance(question=question, metadata=known)


def ingredients_of(doc: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a good answer holds, and its weight: the row's ``ingredients``, or the properties in
    its metric's configuration."""
    config = (doc.get("metric_config") or {}).get("config") or {}
    for one in doc.get("ingredients") or config.get("other_properties") or ():
        yield {"criterion": one["criterion"], "weight": float(one.get("weight", 1.0))}


register_variant("astabench_scholarqa", "test", data_source=rubrics(2))
