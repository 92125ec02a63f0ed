"""GSM8K: grade-school mathematics in words.

- Data: ``openai/gsm8k``, subset main, test split, 1,319 problems
  (https://huggingface.co/datasets/openai/gsm8k, MIT).
- Prompt: ``Question: ...\\nAnswer:``, after eight worked examples (Wei et al. 2022,
  https://arxiv.org/abs/2201.11903), in the fixed set ``gsm8k_cot_fixed``.
- Extraction: the last number of the output, without currency sign and thousands separators.
- Metric: exact match with the number after ``####`` in the data's solution. ``olmo3base`` draws
  eight samples and gives pass@k; its accuracy counts the first sample.
- Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems"
  (https://arxiv.org/abs/2110.14168).
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, PassAtKMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.text import last_number, normalize_number
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant


@register("gsm8k")
class Gsm8k(Task):
    """Problems that take two to eight steps of arithmetic."""

    data_source = DataSource(path="openai/gsm8k", subset="main", split="test")
    expected_instances = 1_319
    formatter = GenerationFormatter(
        template="Question: {question}\nAnswer:", fewshot_answer_key="solution"
    )
    num_fewshot = 8
    fewshot_source = "gsm8k_cot_fixed"
    sampling_params = SamplingParams(max_tokens=512, stop_sequences=("Question:", "\n\n"))
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        answer = doc.get("short_answer") or doc["answer"].rpartition("####")[2]
        return Instance(
            question=doc["question"],
            gold_answer=normalize_number(answer),
            metadata={"solution": doc["answer"]},
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return last_number(output.text)


register_variant(
    "gsm8k",
    "olmo3base",
    metrics=(
        AccuracyMetric(scorer=ExactMatchScorer),
        *(PassAtKMetric(scorer=ExactMatchScorer, k=k) for k in (1, 2, 4, 8)),
    ),
    primary_metric="pass_at_1",
    output_score_aggregation="first",
    temperature=0.6,
    top_p=0.6,
    num_samples=8,
    stop_sequences=("Question:", "</s>", "<|im_end|>", "\n\n"),
)
