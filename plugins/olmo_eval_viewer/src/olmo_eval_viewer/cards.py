"""What pages say of runs and of compared tasks, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from olmo_eval.common.aggregation import AggregationStrategy
from olmo_eval.errors import DataError
from olmo_eval.results import Run, Score, TaskComparison
from olmo_eval.results.statistics import Verdict
from olmo_eval_viewer.texts import short_names


def run_card(run: Run) -> dict[str, Any]:
    facts = run.facts
    return {
        "run_id": run.run_id,
        "model": run.model,
        "step": facts.step,
        "tokens": facts.tokens,
        "group": facts.group,
        "name": facts.name,
        "kind": facts.kind,
        "status": run.status,
        "started": facts.started,
        "provider": facts.provider,
        "location": run.location,
    }


def pair_cards(a: Run, b: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both runs, each with a ``label`` that tells them apart."""
    labels = short_names([a.model, b.model])
    if labels[0] == labels[1]:
        steps = [run.facts.step for run in (a, b)]
        apart = steps[0] != steps[1] and None not in steps
        told = [f"at {step:,}" for step in steps] if apart else [run.run_id[:15] for run in (a, b)]
        labels = [f"{label} ({more})" for label, more in zip(labels, told, strict=True)]
    return {**run_card(a), "label": labels[0]}, {**run_card(b), "label": labels[1]}


def verdict_card(verdict: Verdict) -> dict[str, Any]:
    """The verdict's own fields, and its words."""
    return {**verdict.to_dict(), "headline": verdict.headline()}


def task_card(row: TaskComparison) -> dict[str, Any]:
    """A row of the comparison, as `olmo-eval compare --json` has it, and its verdict's words."""
    return {
        **row.to_dict(),
        "name_b": row.name_b or row.name,
        "measured": measured(row),
        "verdict": verdict_card(row.verdict),
    }


def measured(row: TaskComparison) -> str:
    """The metric of a task; what a suite's score is the mean over."""
    if row.kind != "suite":
        return row.metric
    strategy, comma, rest = row.metric.partition(",")
    return f"{AggregationStrategy(strategy).words}{comma}{rest}"


def primary_scores(run: Run) -> dict[str, Score]:
    """The primary scores of a run by task; none where it has no table yet."""
    try:
        return {score.name: score for score in run.scores() if score.primary}
    except DataError:
        return {}


def bounds_card(score: Score | None) -> dict[str, Any] | None:
    """Between what a score lies whatever its missing answers are; None where none is missing."""
    if score is None or score.complete:
        return None
    return {
        "missing": score.n_expected - score.n_scored,
        "n_expected": score.n_expected,
        "worst_case": score.worst_case,
        "best_case": score.best_case,
    }


def tally(kinds: Iterable[str]) -> dict[str, int]:
    """How many verdicts there are of each kind, in the order in which one reads them."""
    found = list(kinds)
    known = ("worse", "better", "equivalent", "undecided")
    return {kind: found.count(kind) for kind in known if kind in found}
