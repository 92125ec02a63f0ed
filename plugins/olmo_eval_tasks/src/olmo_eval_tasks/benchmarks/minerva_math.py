r"""MATH, asked as in Minerva: competition mathematics, one task a subject; and MATH-500.

- Data: ``EleutherAI/hendrycks_math``, one subset a subject, test split, 5,000 problems in all
  (https://huggingface.co/datasets/EleutherAI/hendrycks_math, MIT); ``math500`` is the 500 problems
  of ``HuggingFaceH4/MATH-500`` (Lightman et al. 2023, https://arxiv.org/abs/2305.20050).
- Prompt: ``Problem:``, the problem, ``Solution:``.
- Shots: four of the train split, or the four worked examples of Minerva (``minerva_math_fixed``)
  in the variants; MATH-500 has no train split, so that it always takes Minerva's four. In
  ``olmes``, ``olmes_n4_v2`` and ``olmo3`` an example's solution follows ``Solution:`` directly, in
  the others after a space: both are published, and differ for a tokenizer.
- Extraction: what follows "Final Answer: The final answer is", and the last ``\boxed{}``; either
  may be right. Gold is the solution's last ``\boxed{}``. All are normalised.
- Metric: ``math_flex``, equality as mathematics. The variants with four samples give pass@k.
- The tasks ``minerva_math_<subject>:bpb`` score the bits per byte of the whole solution.
- Hendrycks et al. 2021, "Measuring Mathematical Problem Solving With the MATH Dataset"
  (https://arxiv.org/abs/2103.03874); prompt and extraction: Lewkowycz et al. 2022, "Solving
  Quantitative Reasoning Problems with Language Models" (https://arxiv.org/abs/2206.14858).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from olmo_eval.common.formatters import Formatter, GenerationFormatter, PPLFormatter
from olmo_eval.common.metrics import AccuracyMetric, Metric, PassAtKMetric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    Task,
    register,
    register_subtasks,
    register_variant,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE
from olmo_eval_tasks.scorers.math import MinervaMathScorer
from olmo_eval_tasks.scorers.math_answers import answers_in, normalize_answer
from olmo_eval_tasks.subjects import MATH_SUBJECTS

PROBLEM = "Problem:\n{question}\n\nSolution:"
ACCURACY = AccuracyMetric(scorer=MinervaMathScorer)


@frozen
class SolutionFormatter(PPLFormatter):
    """Scores the whole worked solution, not the answer alone."""

    template: str = PROBLEM

    def continuation(self, instance: Instance) -> str:
        return str(instance.metadata["solution"])


def worked_examples(answer_prefix: str) -> GenerationFormatter:
    """Generation after worked examples; ``answer_prefix`` stands before their solutions."""
    return GenerationFormatter(
        template=PROBLEM, answer_prefix=answer_prefix, fewshot_answer_key="solution"
    )


class MinervaMath(Task):
    """One subject. Rows have no identifier."""

    formatter: Formatter = worked_examples("")
    num_fewshot = 4
    fewshot_split = "train"
    sampling_params = SamplingParams(max_tokens=1024, stop_sequences=("Problem:", "\n\n"))
    metrics: tuple[Metric, ...] = (ACCURACY,)
    # The published rules read to the end of the line: "The answer is 5. I hope this helps" is lost.
    lenient_extraction = False

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        gold = answers_in(doc["solution"])
        known = ("level", "type", "subject")
        return Instance(
            question=doc["problem"],
            gold_answer=gold[0] if gold else None,
            metadata={"solution": doc["solution"], **{k: doc[k] for k in known if k in doc}},
        )

    def extract_answer(self, output: LMOutput) -> Any:
        """The answer, or several where the output states it in several ways."""
        found = answers_in(output.text)
        return found[0] if len(found) == 1 else found or None


class MinervaMathBpb(MinervaMath):
    """One subject, bits per byte of the solution."""

    formatter = SolutionFormatter()
    metrics = BITS_PER_BYTE


@register("math500")
class Math500(MinervaMath):
    """500 problems of all subjects."""

    data_source = DataSource(path="HuggingFaceH4/MATH-500", split="test")
    expected_instances = 500
    fewshot_source = "minerva_math_fixed"

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        instance = super().process_doc(doc, index)
        if "answer" not in doc:  # a row of the few-shot set
            return instance
        golds = dict.fromkeys((instance.gold_answer, normalize_answer(doc["answer"])))
        known = {"id": doc["unique_id"], "all_answers": list(golds)}
        return evolve(instance, metadata={**instance.metadata, **known})


_MINERVA_SHOTS: dict[str, Any] = {"num_fewshot": 4, "fewshot_source": "minerva_math_fixed"}
_FOUR_SAMPLES: dict[str, Any] = {
    **_MINERVA_SHOTS,
    "metrics": (ACCURACY, *(PassAtKMetric(scorer=MinervaMathScorer, k=k) for k in (1, 2, 4))),
    "primary_metric": "pass_at_1",
    "temperature": 0.6,
    "top_p": 0.6,
    "num_samples": 4,
}
_FOUR_SAMPLES_SPACED = {**_FOUR_SAMPLES, "formatter": worked_examples(" ")}
_BPB: Mapping[str, Any] = {"formatter": SolutionFormatter(), "metrics": BITS_PER_BYTE}

register_subtasks(
    MinervaMath,
    MATH_SUBJECTS,
    task_prefix="minerva_math",
    data_source="EleutherAI/hendrycks_math",
    variants={
        "olmes": _MINERVA_SHOTS,
        "olmes_n4_v2": _FOUR_SAMPLES,
        "olmo3": _FOUR_SAMPLES,
        "olmo3base": _FOUR_SAMPLES_SPACED,
        "olmo3base_gen": _FOUR_SAMPLES_SPACED,
        "bpb": _BPB,
    },
)
register_subtasks(
    MinervaMathBpb,
    MATH_SUBJECTS,
    task_prefix="minerva_math",
    suffix=":bpb",
    data_source="EleutherAI/hendrycks_math",
    variants={"olmes": _MINERVA_SHOTS, "olmo3base": _MINERVA_SHOTS},
)
register_variant("math500", "bpb", **_BPB)
