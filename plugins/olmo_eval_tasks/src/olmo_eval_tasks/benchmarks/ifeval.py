"""IFEval: instructions about the form of an answer that a program can check.

- Data: ``google/IFEval``, split train (there is no other), 541 prompts with one to three
  instructions of 25 kinds.
- Prompt: the data's prompt as one user message.
- Shots: none.
- Extraction: none; the whole answer is checked.
- Metric: the share of prompts all of whose instructions are followed and the share of all
  instructions that are followed, each strict (the answer as it is) and loose (the best of eight
  readings: without first line, last line or both, each with and without asterisks). The verdict on
  each instruction is recorded beside the answer.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter, Formatter
from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.ifeval import (
    IFEvalInstLooseAccuracy,
    IFEvalInstStrictAccuracy,
    IFEvalPromptLooseAccuracy,
    IFEvalPromptStrictAccuracy,
)

METRICS = (
    IFEvalPromptStrictAccuracy(),
    IFEvalPromptLooseAccuracy(),
    IFEvalInstStrictAccuracy(),
    IFEvalInstLooseAccuracy(),
)


class InstructionFollowing(Task):
    """Prompts with instructions that a program can check."""

    formatter: Formatter = ChatFormatter()
    sampling_params = SamplingParams(max_tokens=2048)
    metrics: tuple[Metric, ...] = METRICS

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["prompt"],
            metadata={
                "id": doc["key"],
                "instruction_id_list": doc["instruction_id_list"],
                "kwargs": doc["kwargs"],
            },
        )

    def extract_answer(self, output: LMOutput) -> str:
        """The answer as it was written: its white space counts too."""
        return output.text


@register("ifeval")
class IFEval(InstructionFollowing):
    """541 prompts with instructions of 25 kinds, checked by programs."""

    data_source = DataSource(path="google/IFEval", split="train")
    expected_instances = 541
    primary_metric = "prompt_level_loose_acc"
    card = Card(
        citation="Zhou et al. 2023, Instruction-Following Evaluation for Large Language Models",
        url="https://arxiv.org/abs/2311.07911",
        licence="Apache-2.0",
        defects=(
            "The published checker draws a letter by chance where letter_frequency asks for a "
            "sign such as # or !; here the sign is counted.",
            "The published checker's verdicts on languages are drawn by langdetect without a "
            "seed; here it is seeded.",
        ),
    )
