"""The suites of OLMo 3's base model evaluation: the main ones, and ``easy`` for small models.

The published ``mc_olmo3base`` settings of ARC-Challenge and PIQA evaluate train questions too; the
suites here ask the evaluated split alone.
"""

from __future__ import annotations

from olmo_eval.evals.suites import AggregationStrategy, Suite
from olmo_eval_tasks.subjects import MATH_SUBJECTS, MT_MBPP_LANGUAGES

#: the children of the easy question-answering suites, but for ARC, MMLU and the basic skills
_EASY_QA = (
    "hellaswag",
    "winogrande",
    "socialiqa",
    "coqa",
    "drop",
    "jeopardy",
    "naturalqs",
    "squad",
    "sciq",
    "qasper_yesno",
    "medmcqa",
    "medqa_en",
    "sciriff_yesno",
)
#: those whose settings are named otherwise, by kind
_EASY_QA_OTHERWISE = {
    "rc": (
        "csqa:rc:olmo3base",
        "piqa:rc:olmo3base",
        "lab_bench_dbqa:olmo3base",
        "lab_bench_protocolqa:olmo3base",
        "lambada",
    ),
    "bpb": (
        "csqa:olmo3base:bpb",
        "piqa:olmo3base:bpb",
        "lab_bench_dbqa:bpb:olmo3base",
        "lab_bench_protocolqa:bpb:olmo3base",
        "lambada:bpb",
    ),
}


def _mean_of_members(name: str, tasks: tuple[str, ...], description: str) -> Suite:
    strategy = AggregationStrategy.AVERAGE_OF_AVERAGES
    return Suite(name=name, tasks=tasks, aggregation=strategy, description=description)


SUITES: tuple[Suite, ...] = (
    _mean_of_members(
        "olmobase:mcqa_stem",
        (
            "arc:mc:olmo3base",
            "mmlu:stem:mc:olmo3base",
            "medmcqa:mc:olmo3base",
            "medqa_en:mc:olmo3base",
            "sciq:mc:olmo3base",
        ),
        "Science and medicine, lettered choices, five shots",
    ),
    _mean_of_members(
        "olmobase:mcqa_non_stem",
        (
            "mmlu:humanities:mc:olmo3base",
            "mmlu:social_sciences:mc:olmo3base",
            "mmlu:other:mc:olmo3base",
            "csqa:mc_olmo3base",
            "piqa:mc:olmo3base",
            "socialiqa:mc_olmo3base",
            "coqa:mc:olmo3base",
            "drop:mc:olmo3base",
            "jeopardy:mc:olmo3base",
            "naturalqs:mc:olmo3base",
            "squad:mc:olmo3base",
        ),
        "Everything but science and medicine, lettered choices",
    ),
    _mean_of_members(
        "olmobase:gen",
        (
            "hellaswag:rc:olmo3base",
            "winogrande:rc:olmo3base",
            "lambada",
            "basic_skills:rc:olmo3base",
            "drop:olmo3base",
            "jeopardy:olmo3base",
            "naturalqs:olmo3base",
            "squad:olmo3base",
            "coqa:olmo3base",
        ),
        "Continuations and generated answers",
    ),
    _mean_of_members(
        "olmobase:math",
        ("gsm8k:olmo3base", "gsm_symb:olmo3base", "minerva_math:olmo3base"),
        "Mathematics, pass@1 of several samples",
    ),
    _mean_of_members(
        "olmobase:code",
        (
            "bigcodebench:olmo3base",
            "humaneval:olmo3base",
            "deepseek_leetcode:olmo3base",
            "ds1000:olmo3base",
            "mbpp:olmo3base",
            "multipl_e_humaneval:olmo3base",
            "multipl_e_mbpp:olmo3base",
        ),
        "Code, pass@1 of several samples",
    ),
    Suite(
        name="olmobase:code_fim",
        tasks=tuple(f"humanevalfim_{kind}:olmo3base" for kind in ("single", "multi", "random")),
        description="Code infilling",
    ),
    *(
        _mean_of_members(
            f"olmobase:easy:qa:{kind}",
            (
                f"arc:{kind}:olmo3base",
                mmlu,
                *(f"{task}:{kind}:olmo3base" for task in _EASY_QA),
                *_EASY_QA_OTHERWISE[kind],
                f"basic_skills:{kind}:olmo3base",
            ),
            f"Question answering, {what}",
        )
        for kind, mmlu, what in (
            ("rc", "mmlu:rc:olmo3base", "the choices' texts"),
            ("bpb", "mmlu:bpb", "bits per byte of the right answers"),
        )
    ),
    Suite(
        name="olmobase:easy:math:bpb",
        tasks=tuple(f"minerva_math_{subject}:bpb:olmo3base" for subject in MATH_SUBJECTS),
        description="MATH, bits per byte of the solutions",
    ),
    *(
        Suite(
            name=name,
            tasks=(
                "codex_humaneval:3shot:bpb",
                "mbpp:bpb:olmo3base",
                *(f"{family}_{language}:bpb:olmo3base" for language in MT_MBPP_LANGUAGES),
            ),
            description="Code, bits per byte of the solutions",
        )
        for name, family in (
            ("olmobase:easy:code:bpb", "mt_mbpp"),
            ("olmo3:base_easy:code:bpb", "mt_mbpp_v2fix"),
        )
    ),
    Suite(
        name="olmo3:base_easy:code:bpb:serialized",
        tasks=(
            "serialized:humaneval_3shot_bpb",
            "serialized:mbpp_3shot_bpb",
            *(f"serialized:mt_mbpp_v2fix_{language}" for language in MT_MBPP_LANGUAGES),
        ),
        description="Code, bits per byte, of requests rendered beforehand (private data)",
    ),
)
