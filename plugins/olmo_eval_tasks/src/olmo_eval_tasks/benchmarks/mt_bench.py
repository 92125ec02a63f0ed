"""MT-Bench: 80 questions in two turns, whose answers a judge rates.

- Data: ``HuggingFaceH4/mt_bench_prompts``, split train, 80 questions of eight categories; those of
  mathematics, reasoning and coding have reference answers.
- Prompt: the first turn as a user message; the second one after the answer, in the same chat. The
  published sampling has a temperature for each category (0.7 for writing and roleplay, 0.1 for stem
  and humanities, 0 otherwise), and so has this task, unless it is given another one than 0.
- Shots: none.
- Extraction: none; the judge reads both answers.
- Metric: the mean rating from 1 to 10 over both turns, over each of them, and by category. The
  harness's judge is asked once a turn, with the conversation up to there and the reference answer
  if there is one. A rating is read from ``[[rating]]``, or else from ``[rating]``; a reply without
  one, or with two that differ, is a failure of the judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import SubsetAccuracyMetric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.mt_bench import MTBenchScorer, RatingMetric

TEMPERATURES = {"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1}
CATEGORIES = (
    *("writing", "roleplay", "reasoning", "math"),
    *("coding", "extraction", "stem", "humanities"),
)


@register("mt_bench")
class MTBench(Task):
    """80 open questions in two turns, rated by a judge."""

    data_source = DataSource(path="HuggingFaceH4/mt_bench_prompts", split="train")
    expected_instances = 80
    formatter = ChatFormatter()
    sampling_params = SamplingParams(max_tokens=1024)
    metrics = (
        RatingMetric(),
        RatingMetric(turn=1),
        RatingMetric(turn=2),
        *(
            SubsetAccuracyMetric(scorer=MTBenchScorer(), name=f"category::{category}")
            for category in CATEGORIES
        ),
    )
    primary_metric = "rating"
    card = Card(
        citation="Zheng et al. 2023, Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
        url="https://arxiv.org/abs/2306.05685",
        licence="Apache-2.0",
        defects=("Some of the reference answers, which were written by GPT-4, are wrong.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        turns = list(doc["prompt"])
        return Instance(
            question=turns[0],
            metadata={
                "id": doc["prompt_id"],
                "turns": turns,
                "reference": list(doc.get("reference") or ()),
                "category": doc["category"],
            },
        )

    def next_message(self, instance: Instance, answers: Sequence[str]) -> str | None:
        turns: list[str] = instance.metadata["turns"]
        return turns[len(answers)] if len(answers) < len(turns) else None

    def get_sampling_params(self, instance: Instance) -> SamplingParams:
        params = self.config.sampling_params
        if params.temperature > 0:
            return params
        return evolve(params, temperature=TEMPERATURES.get(instance.metadata["category"], 0.0))
