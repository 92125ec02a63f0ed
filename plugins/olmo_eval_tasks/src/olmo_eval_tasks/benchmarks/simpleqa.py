"""SimpleQA: short questions that have one indisputable answer.

- Data: ``allenai/simpleqa_full``, test split, 4,326 questions.
- Prompt: the question as one user message. ``simpleqa:search`` counts on a harness that lets the
  model search, such as ``search_agent``, and is refused without.
- Shots: none.
- Extraction: none.
- Metric: ``judge`` and ``simpleqa:search`` let the harness's judge grade each answer as correct,
  incorrect or not attempted, and give the share of right answers, of questions not attempted, and
  of right answers among those attempted. The plain task, which is published without a metric, needs
  no judge: it gives the share of outputs in which the answer stands word for word, a lower bound.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric, Metric, RecallMetric
from olmo_eval.common.scorers import SubstringRecallScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.simpleqa import (
    AccuracyGivenAttempted,
    NotAttemptedRate,
    SimpleQAJudgeScorer,
)

#: any tool that searches: a local corpus, or the web
SEARCH = "tool:search|web_search|serper_google_webpage_search"
#: what the judge's three grades add up to
JUDGED: tuple[Metric, ...] = (
    AccuracyMetric(scorer=SimpleQAJudgeScorer()),
    NotAttemptedRate(),
    AccuracyGivenAttempted(),
)


@register("simpleqa")
class SimpleQA(Task):
    """Short questions of fact, each with one answer."""

    data_source = DataSource(path="allenai/simpleqa_full", split="test")
    expected_instances = 4_326
    formatter = ChatFormatter()
    metrics: tuple[Metric, ...] = (RecallMetric(scorer=SubstringRecallScorer),)
    lenient_extraction = False
    card = Card(
        citation="Wei et al. 2024, Measuring Short-Form Factuality in Large Language Models",
        url="https://arxiv.org/abs/2411.04368",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc.get("problem") or doc["question"],
            gold_answer=doc["answer"],
            metadata={"id": doc["id"]} if "id" in doc else {},
        )


@register("simpleqa:search")
class SimpleQAWithSearch(SimpleQA):
    """The same questions for a model that may look the answer up."""

    metrics = JUDGED
    primary_metric = "accuracy"
    requires = frozenset({SEARCH})


register_variant("simpleqa", "judge", metrics=JUDGED, primary_metric="accuracy")
