"""Suites of one family each."""

from __future__ import annotations

from olmo_eval.evals.suites import AggregationStrategy, Suite
from olmo_eval_tasks.subjects import AIME_YEARS, BASIC_SKILLS, BBH_TASKS, MATH_SUBJECTS


def _math(name: str, task: str, description: str) -> Suite:
    members = tuple(task.format(subject=subject) for subject in MATH_SUBJECTS)
    return Suite(name=name, tasks=members, description=description)


_ARC = (
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
)

_BASIC_SKILLS = tuple(
    Suite(
        name=f"basic_skills:{kind}:olmo3base",
        tasks=tuple(f"basic_skills_{skill}:{kind}:olmo3base" for skill in BASIC_SKILLS),
        description=f"Six basic skills, {what}",
    )
    for kind, what in (("rc", "the choices' texts"), ("bpb", "bits per byte"))
)

_MATH = (
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
    Suite(
        name="gsm_symb:olmo3base",
        tasks=tuple(f"gsm_symbolic{level}:olmo3base" for level in ("", ":p1", ":p2")),
        description="GSM-Symbolic: the templates, with one and with two clauses more",
    ),
    Suite(
        name="aime_2022_to_2026",
        tasks=tuple(f"aime_{year}:pass_at_32" for year in AIME_YEARS),
        aggregation=AggregationStrategy.AVERAGE_OF_AVERAGES,
        description="AIME of five years, pass@1 of 32 samples",
    ),
    Suite(
        name="math:posttrain:dev",
        tasks=tuple(
            f"{contest}:pass_at_32:16k"
            for contest in (
                *(f"aime_{year}" for year in AIME_YEARS),
                "hmmt_nov_2025",
                "hmmt_feb_2026",
            )
        ),
        description="Contests, pass@1 of 32 samples of at most 16,384 tokens",
    ),
)

_BBH = tuple(
    Suite(
        name=f"bbh{setting}",
        tasks=tuple(f"bbh_{task}{setting}" for task in BBH_TASKS),
        description=f"BIG-Bench Hard, 27 tasks, {what}",
    )
    for setting, what in (("", "chain of thought"), (":direct", "answers alone"))
)

SUITES: tuple[Suite, ...] = (
    *_ARC,
    *_BASIC_SKILLS,
    *_MATH,
    *_BBH,
    Suite(
        name="ifbench",
        tasks=(
            "ifeval_ood",
            "ifeval_mt_wildchat_unused_withRewrite",
            "ifeval_mt_ood_wildchat_unused_withRewrite",
        ),
        description="Instructions unlike those of IFEval, and in conversations",
    ),
)
