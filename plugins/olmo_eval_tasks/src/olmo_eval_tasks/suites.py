"""Suites over the benchmarks of this package, named as in OLMES and OLMo settings.

``olmo3base`` suites are the settings of OLMo 3's base model evaluation. MMLU is the mean of its
four fields' means over subjects; the suites that end in ``:per_question`` are its mean over all
questions instead, as Hendrycks et al. 2021 and most leaderboards report it. ARC and MATH are means
over tasks.
"""

from __future__ import annotations

from olmo_eval.evals.suites import AggregationStrategy, Suite
from olmo_eval_tasks.subjects import MATH_SUBJECTS, MMLU_FIELDS, MMLU_SUBJECTS

#: what stands between ``mmlu_<subject>`` and the end of the suite's name
_MMLU_SETTINGS = {
    "": "",
    ":mc:olmo3base": ":mc:olmo3base",
    ":rc:olmo3base": ":rc:olmo3base",
}


def _mmlu() -> list[Suite]:
    suites: list[Suite] = []
    for ending, setting in _MMLU_SETTINGS.items():
        fields = [
            Suite(
                name=f"mmlu:{field}{ending}",
                tasks=tuple(f"mmlu_{subject}{setting}" for subject in subjects),
                description=f"MMLU, {len(subjects)} subjects of {field.replace('_', ' ')}",
            )
            for field, subjects in MMLU_FIELDS.items()
        ]
        whole = Suite(
            name=f"mmlu{ending}",
            tasks=tuple(field.name for field in fields),
            aggregation=AggregationStrategy.AVERAGE_OF_AVERAGES,
            description="MMLU, 57 subjects in four fields",
        )
        pooled = Suite(
            name=f"mmlu{ending}:per_question",
            tasks=whole.tasks,
            aggregation=AggregationStrategy.WEIGHTED_AVERAGE,
            description="MMLU, all questions of 57 subjects alike",
        )
        suites += [*fields, whole, pooled]
    bpb = Suite(
        name="mmlu:bpb",
        tasks=tuple(f"mmlu_{subject}:rc:bpb" for subject in MMLU_SUBJECTS),
        description="MMLU, bits per byte of the right answers, 57 subjects",
    )
    return [*suites, bpb]


def _math(name: str, task: str, description: str) -> Suite:
    members = tuple(task.format(subject=subject) for subject in MATH_SUBJECTS)
    return Suite(name=name, tasks=members, description=description)


_ARC = [
    Suite(
        name="arc:rc:olmo3base",
        tasks=("arc_easy:rc:olmo3base", "arc_challenge:rc:olmo3base"),
        description="ARC, choices' text, five fixed shots",
    ),
    Suite(
        name="arc:mc:olmo3base",
        tasks=("arc_easy:mc:olmes", "arc_challenge:mc:olmes"),
        description="ARC, lettered choices, five fixed shots, the test split of both sets",
    ),
    Suite(
        name="arc:bpb:olmo3base",
        tasks=("arc_easy:olmo3base:bpb", "arc_challenge:olmo3base:bpb"),
        description="ARC, bits per byte of the right answers, five fixed shots",
    ),
]

_MATH = [
    _math("minerva_math", "minerva_math_{subject}", "MATH, seven subjects, greedy"),
    _math(
        "minerva_math:olmo3base",
        "minerva_math_{subject}:olmo3base",
        "MATH, seven subjects, Minerva's four shots, pass@1 of four samples",
    ),
    _math(
        "minerva_math:bpb:olmo3base",
        "minerva_math_{subject}:bpb:olmo3base",
        "MATH, bits per byte of the solutions, Minerva's four shots",
    ),
]

SUITES: tuple[Suite, ...] = (*_mmlu(), *_ARC, *_MATH)
