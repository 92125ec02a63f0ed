"""ExpertQA: questions that experts of 32 fields asked, answered with sources.

- Data: ``cmalaviya/expertqa``, subset main, split train (there is no other), 2,177 questions.
- Prompt: the question, and in what form to answer: a report as JSON, in sections with citations.
  The text is ours.
- Shots: none.
- Extraction: the report is the last JSON object of the output.
- Metric: the harness's judge says which claims their citations support, and what of the answer is
  to the point: citation precision and recall, answer precision, and the mean of the three. The
  published judge is a model of OpenAI and needs OPENAI_API_KEY; the harness's may be any.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.attributed import GlobalAverage, ReportMetric
from olmo_eval_tasks.scorers.reports import FORM


class AttributedQA(Task):
    """Questions that are answered with a report and its sources, which a judge reads."""

    formatter = ChatFormatter(user_template="{question}\n\n" + FORM)
    sampling_params = SamplingParams(max_tokens=4096)

    def extract_answer(self, output: LMOutput) -> str | None:
        return output.text.strip() or None


@register("expertqa")
class ExpertQA(AttributedQA):
    """Questions of experts, answered with sources that a judge looks up."""

    data_source = DataSource(path="cmalaviya/expertqa", subset="main", split="train")
    metrics = (
        GlobalAverage(),
        ReportMetric(part="citation_precision"),
        ReportMetric(part="citation_recall"),
        ReportMetric(part="answer_precision"),
    )
    primary_metric = "citation_recall"
    card = Card(
        citation="Malaviya et al. 2024, ExpertQA: Expert-Curated Questions and Attributed Answers",
        url="https://arxiv.org/abs/2309.07852",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        about = doc.get("metadata") or {}
        return Instance(
            question=doc["question"],
            metadata={key: about[key] for key in ("field", "specific_field") if key in about},
        )
