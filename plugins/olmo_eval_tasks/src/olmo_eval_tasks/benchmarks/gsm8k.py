r"""GSM8K: grade-school mathematics in words.

- Data: ``openai/gsm8k``, subset main, test split, 1,319 problems.
- Prompt: ``Question: ...\nAnswer:``, after eight worked examples (Wei et al. 2022,
  https://arxiv.org/abs/2201.11903), in the fixed set ``gsm8k_cot_fixed``.
- Extraction: the number that ``####``, ``\boxed{}`` or "the answer is" marks, else the last one.
- Metric: exact match with the number after ``####`` in the data's solution, both in one form
  (``1,000.00`` is ``1000``). ``olmo3base`` draws eight samples and gives pass@k; its accuracy
  counts the first sample.
- ``robust`` stops at no blank line: the published stop cuts answers of several paragraphs.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.word_problems import OLMO3BASE, ROBUST, WordProblems


@register("gsm8k")
class Gsm8k(WordProblems):
    """Problems that take two to eight steps of arithmetic."""

    data_source = DataSource(path="openai/gsm8k", subset="main", split="test")
    expected_instances = 1_319
    card = Card(
        citation="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems",
        url="https://arxiv.org/abs/2110.14168",
        licence="MIT",
        defects=("the published stop sequences end an answer at its first blank line",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return self.problem(
            doc["question"], doc["answer"].rpartition("####")[2], solution=doc["answer"]
        )


register_variant("gsm8k", "olmo3base", output_score_aggregation="first", **OLMO3BASE)
register_variant("gsm8k", "robust", **ROBUST)
