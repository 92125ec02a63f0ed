r"""What mathematics competitions share: a chat, one boxed answer, many samples.

The instruction below the problem is ours, after the wording that OLMES uses for boxed answers.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter, Formatter
from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.evals.extract.boxed import final_answer
from olmo_eval.evals.tasks.common import Task, register_variant
from olmo_eval_tasks.scorers.math import math_accuracies, math_pass_at

BOXED = "{question}\n\nPresent the answer in LaTeX format: \\boxed{Your answer}"

_PASS_AT: dict[str, Any] = {
    "metrics": (*math_accuracies(), *math_pass_at(1, 4, 8, 16, 32)),
    "primary_metric": "pass_at_1",
    "top_p": 0.95,
    "num_samples": 32,
}


class Competition(Task):
    """Problems with one short answer, which the model is asked to box."""

    formatter: Formatter = ChatFormatter(
        user_template=BOXED, assistant_template=r"\boxed{{answer}}"
    )
    sampling_params = SamplingParams(max_tokens=32768)
    metrics: tuple[Metric, ...] = math_accuracies()

    @staticmethod
    def problem(question: str, answer: object, **metadata: Any) -> Instance:
        return Instance(question=question, gold_answer=str(answer), metadata=metadata)

    def extract_answer(self, output: LMOutput) -> str | None:
        return final_answer(output.text)


def register_sampled(task: str) -> None:
    """The variants with 32 samples: ``pass_at_32``, ``pass_at_32_rlzero`` and ``16k``.

    ``16k`` alone gives the mean over its samples; after ``pass_at_32`` it shortens the answers.
    """
    register_variant(task, "pass_at_32", temperature=0.6, max_tokens=32768, **_PASS_AT)
    register_variant(task, "pass_at_32_rlzero", temperature=1.0, max_tokens=16384, **_PASS_AT)
    register_variant(task, "16k", temperature=0.6, top_p=0.95, num_samples=32, max_tokens=16384)
