"""Code: one benchmark in several languages, or in several forms."""

from __future__ import annotations

from olmo_eval.evals.suites import Suite
from olmo_eval_tasks.subjects import (
    CODE_FRESH_LANGUAGES,
    MT_MBPP_LANGUAGES,
    MULTIPL_E_LANGUAGES,
)


def _fim(setting: str) -> Suite:
    return Suite(
        name=f"humanevalfim{setting}",
        tasks=tuple(f"humanevalfim_{kind}{setting}" for kind in ("single", "multi", "random")),
        description="HumanEval infilling: single lines, several lines, random spans",
    )


def _mt_mbpp(family: str, setting: str) -> Suite:
    return Suite(
        name=f"{family}{setting}",
        tasks=tuple(f"{family}_{language}{setting}" for language in MT_MBPP_LANGUAGES),
        description=f"MBPP in {len(MT_MBPP_LANGUAGES)} languages, bits per byte of the solutions",
    )


def _multipl_e(setting: str) -> list[Suite]:
    origins = {
        origin: tuple(f"multipl_e_{origin}_{language}{setting}" for language in MULTIPL_E_LANGUAGES)
        for origin in ("humaneval", "mbpp")
    }
    parts = [
        Suite(
            name=f"multipl_e_{origin}{setting}",
            tasks=tasks,
            description=f"MultiPL-E, {origin} in {len(tasks)} languages",
        )
        for origin, tasks in origins.items()
    ]
    whole = Suite(
        name=f"multipl_e{setting}",
        tasks=tuple(task for part in parts for task in part.tasks),
        description="MultiPL-E, humaneval and mbpp",
    )
    return [whole, *parts]


SUITES: tuple[Suite, ...] = (
    _fim(""),
    _fim(":olmo3base"),
    _mt_mbpp("mt_mbpp", ":bpb:olmo3base"),
    *(
        _mt_mbpp("mt_mbpp_v2fix", setting)
        for setting in ("", ":bpb", ":3shot", ":3shot:bpb", ":bpb:olmo3base")
    ),
    *(
        suite
        for setting in ("", ":pass_at_1", ":pass_at_10", ":olmo3base")
        for suite in _multipl_e(setting)
    ),
    Suite(
        name="code_fresh:bpb",
        tasks=tuple(f"code_fresh_{language}:bpb" for language in CODE_FRESH_LANGUAGES),
        description=f"Recent code in {len(CODE_FRESH_LANGUAGES)} languages, bits per byte",
    ),
    Suite(
        name="cruxeval",
        tasks=("cruxeval_input", "cruxeval_output"),
        description="CRUXEval: input and output of short functions",
    ),
)
