"""Science: biology, medicine, physics and chemistry, mathematics, research literature.

What each ``science`` suite holds follows the published sizes (core 21, biology 23, medicine 10,
physical 6, math 12, research 6); a task that two of them name counts once in ``science:all``.
"""

from __future__ import annotations

from olmo_eval.evals.suites import AggregationStrategy, Suite
from olmo_eval_tasks.subjects import (
    AIME_YEARS,
    GENETURING_MODULES,
    GPQA_SETS,
    LAB_BENCH_SETS,
    MATH_SUBJECTS,
    MMLU_FIELDS,
)

_GENETURING = tuple(f"geneturing_{module}" for module in GENETURING_MODULES)
_LAB_BENCH = tuple(f"lab_bench_{subset}" for subset in LAB_BENCH_SETS)
_CORE = (
    "arc_easy:mc:olmes",
    "arc_challenge:mc:olmes",
    "sciq:mc:olmo3base",
    *(f"mmlu_{subject}" for subject in MMLU_FIELDS["stem"]),
)
_MEDICAL_SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "nutrition",
    "professional_medicine",
    "virology",
)
_MEDICINE = ("medmcqa:mc", "medqa_en:mc", *(f"mmlu_{subject}" for subject in _MEDICAL_SUBJECTS))
_BIOLOGY = (*_LAB_BENCH, *_GENETURING, *(f"gpqa_{name}_biology" for name in GPQA_SETS))
_PHYSICAL = tuple(
    f"gpqa_{name}_{field}" for name in GPQA_SETS for field in ("chemistry", "physics")
)
_MATH = (
    *(f"minerva_math_{subject}:olmes" for subject in MATH_SUBJECTS),
    *(f"aime_{year}" for year in AIME_YEARS),
)
_JUDGED = ("expertqa", "astabench_scholarqa")
_LITERATURE = ("litsearch", "litsearch_rerank", "qasper_yesno", "sciriff_yesno")
_NOT_JUDGED = tuple(
    dict.fromkeys((*_CORE, *_BIOLOGY, *_MEDICINE, *_PHYSICAL, *_MATH, *_LITERATURE))
)


def _science(name: str, tasks: tuple[str, ...], description: str) -> Suite:
    strategy = AggregationStrategy.AVERAGE_OF_AVERAGES
    return Suite(f"science:{name}", tasks, strategy, description)


def _shown(family: str, members: tuple[str, ...], description: str) -> list[Suite]:
    """A family in its three settings."""
    strategy = AggregationStrategy.DISPLAY_ONLY if family == "gpqa" else AggregationStrategy.AVERAGE
    return [
        Suite(
            f"{family}{setting}",
            tuple(f"{member}{setting}" for member in members),
            strategy,
            description,
        )
        for setting in ("", ":mc", ":bpb")
    ]


SUITES: tuple[Suite, ...] = (
    *_shown("gpqa", tuple(f"gpqa_{name}" for name in GPQA_SETS), "GPQA: its three sets overlap"),
    *_shown("lab_bench", _LAB_BENCH, "LAB-Bench, six subsets"),
    Suite("geneturing", _GENETURING, description="GeneTuring, 14 modules"),
    Suite("biology", (*_LAB_BENCH, *_GENETURING), description="LAB-Bench and GeneTuring"),
    Suite("astabench", ("astabench_scholarqa",), description="AstaBench: reports with citations"),
    _science("core", _CORE, "Exam questions on science"),
    _science("biology", _BIOLOGY, "Biology"),
    _science("medicine", _MEDICINE, "Medicine"),
    _science("physical", _PHYSICAL, "Physics and chemistry"),
    _science("math", _MATH, "Mathematics"),
    _science("research", (*_LITERATURE, *_JUDGED), "Research literature"),
    _science("judge", _JUDGED, "What a judge grades"),
    _science("nojudge", _NOT_JUDGED, "What needs no judge"),
    _science("all", (*_NOT_JUDGED, *_JUDGED), "All of science"),
)
