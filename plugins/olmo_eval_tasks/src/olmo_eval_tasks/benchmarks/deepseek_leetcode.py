"""LeetCode contests of 2023 and 2024, as DeepSeek-Coder was evaluated on them.

- Data: ``davidheineman/deepseek-leetcode``, test split, 180 problems.
- Prompt: the data's: the problem in a docstring, and the head of class ``Solution``.
- Shots: none. ``olmo3base`` is published with three, of a split that the data does not have; the
  data has no solutions to show.
- Extraction: the fenced block where there is one, else the whole output.
- Metric: pass@k of 32 samples, by running the problem's tests in a sandbox.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.benchmarks.humaneval import FENCED_STOPS
from olmo_eval_tasks.programs import Programs, pass_at
from olmo_eval_tasks.scorers.code import CodeExecutionScorer


@register("deepseek_leetcode")
class DeepSeekLeetCode(Programs):
    """Contest problems after the training data of their time."""

    data_source = DataSource(path="davidheineman/deepseek-leetcode", split="test")
    expected_instances = 180
    sampling_params = SamplingParams(
        temperature=0.6, top_p=0.6, num_samples=32, stop_sequences=FENCED_STOPS
    )
    metrics = pass_at(1, 2, 4, 8, 16, scorer=CodeExecutionScorer(timeout=3.0, separator="\n"))
    card = Card(
        citation="Guo et al. 2024, DeepSeek-Coder: When the Large Language Model Meets Programming",
        url="https://arxiv.org/abs/2401.14196",
        defects=("The stop sequence of a comment line cuts solutions that hold one at column 0.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["prompt"],
            metadata={
                "id": doc["task_id"],
                "entry_point": "Solution",
                "code_prefix": doc["prompt"],
                "test": doc["test"],
            },
        )


register_variant("deepseek_leetcode", "olmo3base")
