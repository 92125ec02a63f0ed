"""How estimates for all questions, of which some were asked, stand beside scores: what tells their
rows from others, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from olmo_eval.common.figures import interval, number

if TYPE_CHECKING:
    from olmo_eval.results.run import Run

#: the kind of a row of ``metrics.parquet`` that is an estimate for all questions
ANCHORED = "anchored"


def anchored_label(name: str) -> str:
    """How the estimate of a task is called where scores of runs stand beside each other."""
    return f"{name} (anchored estimate)"


def anchored_lines(record: Mapping[str, Any]) -> list[str]:
    """What a run with an anchor estimates of all questions, task by task; nothing for others."""
    return [_sentence(name, told) for name, told in record.get(ANCHORED, {}).items()]


def _sentence(name: str, told: Mapping[str, Any]) -> str:
    if "reason" in told:
        return f"{name}: no anchored estimate: {told['reason']}"
    saved = told["variance_saved"]
    more = (
        f"{saved:.0%} of the variance saved, worth {told['worth']:,} questions without an anchor"
        if saved > 0
        else "which saves nothing here: the two do not go together"
    )
    return (
        f"{name}: all {told['questions']:,} questions would score about {number(told['value'])} "
        f"{interval(told['ci_low'], told['ci_high'])}, estimated from {told['asked']:,} at random "
        f"and from what run {told['anchor']} scored on all ({more}); it is not the score of the run"
    )


def anchored_notes(run: Run, names: Iterable[str]) -> list[str]:
    """For each task of ``run`` with an anchored estimate that a comparison does not use it."""
    told = run.record.get(ANCHORED, {})
    return [
        f"{name}: run {run.run_id} estimates {number(found['value'])} for all "
        f"{found['questions']:,} questions (anchored on run {found['anchor']}); compared are the "
        "questions that both runs were asked"
        for name in names
        if (found := told.get(name)) and "reason" not in found
    ]


def only_measured(scores: Sequence[Any]) -> list[Any]:
    """``scores`` without estimates for questions that were not asked."""
    return [score for score in scores if score.kind != ANCHORED]
