"""What benchmarks of arithmetic in words share: how they are asked, and how a number is read.

The shots are the eight worked examples of Wei et al. 2022 ("Chain-of-Thought Prompting",
https://arxiv.org/abs/2201.11903), whose answers end in "So the answer is 6."
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import Formatter, GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, Metric, PassAtKMetric
from olmo_eval.common.numbers import normalize_number
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.evals.extract.numbers import stated_number
from olmo_eval.evals.tasks.common import Task

ACCURACY = AccuracyMetric(scorer=ExactMatchScorer)
#: where a base model that goes on past its answer begins the next question
STOPS = ("Question:", "</s>", "<|im_end|>", "\n\n")

#: settings of OLMo 3's base model evaluation: eight samples, pass@k
OLMO3BASE: dict[str, Any] = {
    "metrics": (ACCURACY, *(PassAtKMetric(scorer=ExactMatchScorer, k=k) for k in (1, 2, 4, 8))),
    "primary_metric": "pass_at_1",
    "temperature": 0.6,
    "top_p": 0.6,
    "num_samples": 8,
    "stop_sequences": STOPS,
}
#: reads the answer wherever it stands: a blank line, or the word "Question:", ends nothing
ROBUST: dict[str, Any] = {"stop_sequences": ("\nQuestion:",), "max_tokens": 2048}


class WordProblems(Task):
    """Problems whose answer is a number; subclasses say what their rows mean."""

    formatter: Formatter = GenerationFormatter(
        template="Question: {question}\nAnswer:", fewshot_answer_key="solution"
    )
    num_fewshot = 8
    fewshot_source: str | None = "gsm8k_cot_fixed"
    sampling_params = SamplingParams(max_tokens=512, stop_sequences=("Question:", "\n\n"))
    metrics: tuple[Metric, ...] = (ACCURACY,)
    lenient_extraction = True

    @staticmethod
    def problem(question: str, answer: object, **metadata: Any) -> Instance:
        """An instance with its answer as a number in one form."""
        return Instance(
            question=question, gold_answer=normalize_number(str(answer)), metadata=metadata
        )

    def process_fewshot_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        """A row of the fixed shots, whatever fields the benchmark's own rows have."""
        return self.problem(doc["question"], doc["short_answer"], solution=doc["answer"])

    def extract_answer(self, output: LMOutput) -> str | None:
        return stated_number(output.text)
