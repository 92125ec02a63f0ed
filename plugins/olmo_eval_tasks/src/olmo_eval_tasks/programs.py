"""What benchmarks that ask for Python share: how code is read, shown, drawn and scored."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter, PPLFormatter
from olmo_eval.common.metrics import BPBMetricByteAvg, Metric, PassAtKMetric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import LMOutput
from olmo_eval.evals.tasks.common import Task, register_variant
from olmo_eval_tasks.scorers.code import CodeExecutionScorer, code_in

#: the problem as it stands; in an example its solution follows at once
CONTINUED = GenerationFormatter(template="{question}", answer_prefix="")
THREE_SHOTS: dict[str, Any] = {"formatter": CONTINUED, "num_fewshot": 3}

#: bits per byte of all solutions together
SOLUTION_BITS: dict[str, Any] = {
    "formatter": PPLFormatter(leading_space=False),
    "metrics": (BPBMetricByteAvg(),),
}


class Programs(Task):
    """Problems that are answered with a program: the fenced block, else the whole output."""

    def extract_answer(self, output: LMOutput) -> str | None:
        return code_in(output.text)


def pass_at(*ks: int, scorer: Scorer | type[Scorer] = CodeExecutionScorer) -> tuple[Metric, ...]:
    """pass@k for each k."""
    return tuple(PassAtKMetric(scorer=scorer, k=k) for k in ks)


def register_sampled(task: str) -> None:
    """The variants ``pass_at_1``, of one sample, and ``pass_at_10``, of ten."""
    register_variant(task, "pass_at_1", temperature=0.2)
    register_variant(task, "pass_at_10", metrics=pass_at(10), temperature=0.8, num_samples=10)
