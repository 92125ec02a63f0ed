r"""GSM-Hard: GSM8K's test problems with numbers too large for mental arithmetic.

- Data: ``reasoning-machines/gsm-hard``, split train (the only one), 1,319 problems.
- Prompt, shots, extraction: as for ``gsm8k``.
- Metric: the number is within 0.001 of the gold one, as in PAL's own evaluation.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.scorers.numbers import NumberScorer
from olmo_eval_tasks.word_problems import ROBUST, STOPS, WordProblems


@register("gsm_hard")
class GsmHard(WordProblems):
    """GSM8K with large numbers."""

    data_source = DataSource(path="reasoning-machines/gsm-hard", split="train")
    expected_instances = 1_319
    sampling_params = SamplingParams(max_tokens=1024, stop_sequences=STOPS)
    metrics: tuple[Metric, ...] = (AccuracyMetric(scorer=NumberScorer(tolerance=1e-3)),)
    card = Card(
        citation="Gao et al. 2022, PAL: Program-aided Language Models",
        url="https://arxiv.org/abs/2211.10435",
        licence="MIT",
        defects=(
            "the numbers were replaced by a program, so that some questions make no sense: "
            "more eggs are eaten than laid, and people are counted in fractions",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return self.problem(doc["input"], doc["target"])


register_variant("gsm_hard", "robust", **ROBUST)
