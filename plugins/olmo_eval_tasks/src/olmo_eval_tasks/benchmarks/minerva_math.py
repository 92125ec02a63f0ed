r"""MATH, asked as in Minerva: competition mathematics, one task a subject; and MATH-500.

- Data: ``EleutherAI/hendrycks_math``, one subset a subject, test split, 5,000 problems in all;
  ``math500`` is the 500 problems of ``HuggingFaceH4/MATH-500`` (Lightman et al. 2023,
  https://arxiv.org/abs/2305.20050).
- Prompt: ``Problem:``, the problem, ``Solution:`` (Lewkowycz et al. 2022, Minerva,
  https://arxiv.org/abs/2206.14858).
- Shots: four of the train split, or the four worked examples of Minerva (``minerva_math_fixed``)
  in the variants; MATH-500 has no train split, so that it always takes Minerva's four. In
  ``olmes``, ``olmes_n4_v2`` and ``olmo3`` an example's solution follows ``Solution:`` directly, in
  the others after a space: both are published, and differ for a tokenizer.
- Extraction: the last ``\boxed{}`` or "final answer is", whichever stands further down. Gold is
  the solution's last box, as it is written there.
- Metric: accuracy by ``math_verify``, equality as mathematics, which stands for the task; and by
  ``minerva_math_flex``, the published extraction and normalisation, from the same outputs. The
  variants with four samples give pass@k by both.
- ``robust`` has no blank line among its stop sequences: the published one cuts a quarter of
  MATH-500's own solutions, and answers of chat models, before their end.
- The tasks ``minerva_math_<subject>:bpb`` score the bits per byte of the whole solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from olmo_eval.common.formatters import Formatter, GenerationFormatter, PPLFormatter
from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.boxed import final_answer, last_boxed
from olmo_eval.evals.extract.minerva import extract_math_answer
from olmo_eval.evals.tasks.common import (
    Card,
    Task,
    register,
    register_subtasks,
    register_variant,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE
from olmo_eval_tasks.scorers.math import math_accuracies, math_pass_at
from olmo_eval_tasks.subjects import MATH_SUBJECTS

PROBLEM = "Problem:\n{question}\n\nSolution:"


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
    metrics: tuple[Metric, ...] = math_accuracies()
    card = Card(
        citation="Hendrycks et al. 2021, Measuring Mathematical Problem Solving With the MATH "
        "Dataset",
        url="https://arxiv.org/abs/2103.03874",
        licence="MIT",
        defects=(
            "the published stop sequences cut a quarter to a half of the data's own solutions at "
            "a blank line; the variant robust does not",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        """``gold_answer`` is in the published form, ``all_answers`` as the data has it."""
        written = last_boxed(doc["solution"])
        golds = list(dict.fromkeys(filter(None, (written, doc.get("answer")))))
        known: dict[str, Any] = {k: doc[k] for k in ("level", "type", "subject") if k in doc}
        normalized = extract_math_answer(doc["solution"])
        return Instance(
            question=doc["problem"],
            gold_answer=normalized[0] if normalized else None,
            metadata={"solution": doc["solution"], **known, "all_answers": golds},
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return final_answer(output.text)


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
        if "unique_id" not in doc:  # a row of the few-shot set
            return instance
        return evolve(instance, metadata={**instance.metadata, "id": doc["unique_id"]})


_MINERVA_SHOTS: dict[str, Any] = {"num_fewshot": 4, "fewshot_source": "minerva_math_fixed"}
_FOUR_SAMPLES: dict[str, Any] = {
    **_MINERVA_SHOTS,
    "metrics": (*math_accuracies(), *math_pass_at(1, 2, 4)),
    "primary_metric": "pass_at_1",
    "temperature": 0.6,
    "top_p": 0.6,
    "num_samples": 4,
}
_FOUR_SAMPLES_SPACED = {**_FOUR_SAMPLES, "formatter": worked_examples(" ")}
_BPB: Mapping[str, Any] = {
    "formatter": SolutionFormatter(),
    "metrics": BITS_PER_BYTE,
}
_ROBUST: Mapping[str, Any] = {"stop_sequences": ("\nProblem:",), "max_tokens": 4096}

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
        "robust": _ROBUST,
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
register_variant("math500", "robust", **_ROBUST)
