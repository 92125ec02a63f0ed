"""MMLU: the mean of its four fields' means over subjects, in each of its settings.

The suites that end in ``:per_question`` are the mean over all questions instead, as Hendrycks et
al. 2021 and most leaderboards report it.
"""

from __future__ import annotations

from olmo_eval.evals.suites import AggregationStrategy, Suite
from olmo_eval_tasks.subjects import MMLU_FIELDS, MMLU_SUBJECTS

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


SUITES: tuple[Suite, ...] = tuple(_mmlu())
