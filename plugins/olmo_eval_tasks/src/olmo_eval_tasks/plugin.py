"""The index: every name that this package supplies, and where it is.

Listing names imports no benchmark; using one imports its module.
"""

from __future__ import annotations

from typing import Any

from olmo_eval import hookimpl
from olmo_eval_tasks.subjects import MATH_SUBJECTS, MMLU_SUBJECTS

#: the tasks of every family, in alphabetical order of the modules of ``benchmarks/``
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "arc": ("arc_easy", "arc_challenge"),
    "csqa": ("csqa",),
    "gsm8k": ("gsm8k",),
    "hellaswag": ("hellaswag",),
    "humaneval": ("humaneval", "codex_humaneval", "humaneval:olmo3base"),
    "minerva_math": (
        *(f"minerva_math_{subject}{kind}" for subject in MATH_SUBJECTS for kind in ("", ":bpb")),
        "math500",
    ),
    "mmlu": tuple(f"mmlu_{subject}{kind}" for subject in MMLU_SUBJECTS for kind in ("", ":rc")),
    "piqa": ("piqa",),
    "winogrande": ("winogrande",),
}

#: the tasks of every module of this package that registers some
TASKS: dict[str, tuple[str, ...]] = {
    **{f"benchmarks.{family}": names for family, names in BENCHMARKS.items()},
    "tiny.tasks": (
        "tiny_facts",
        "tiny_sums",
        "tiny_sums_mc",
        "tiny_reading",
        "tiny_text",
        "tiny_null",
    ),
}

#: families whose data is not public: ``"gated"`` or ``"private"``; their cards say how to get it
ACCESS: dict[str, str] = {}

SCORERS = {
    "code_exec": "scorers.code:CodeExecutionScorer",
    "math_flex": "scorers.math:MinervaMathScorer",
}


@hookimpl
def register_tasks(register: Any) -> None:
    for module, names in TASKS.items():
        for name in names:
            register(
                name, f"olmo_eval_tasks.{module}", access=ACCESS.get(module.rpartition(".")[2], "")
            )


@hookimpl
def register_suites(register: Any) -> None:
    from olmo_eval_tasks import suites
    from olmo_eval_tasks.tiny import suites as tiny

    for suite in (*suites.SUITES, *tiny.SUITES):
        register(suite.name, suite)


@hookimpl
def register_scorers(register: Any) -> None:
    for name, target in SCORERS.items():
        register(name, f"olmo_eval_tasks.{target}")


@hookimpl
def register_external_evals(register: Any) -> None:
    register("key_retrieval", "olmo_eval_tasks.external.key_retrieval:KeyRetrieval")
