"""Scores that are computed from all responses at once, in the metrics table.

Where such a score is the mean of what its metric gives single instances, it has an error and an
interval like any other. Where it is not, nothing is known of its error, and it stands alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.results.finalize import TaskMeta
from olmo_eval.results.summary import Score

#: ``Score.method`` of a score that is no mean of its instances' values
COMPUTED = "computed from all responses"


def with_computed(scores: Sequence[Score], computed: Mapping[str, float]) -> list[Score]:
    """``scores`` of one task with those that were ``computed``, by key; new ones at the end."""
    left = dict(computed)
    found = [_replaced(score, left.pop(_key(score), None)) for score in scores]
    first = scores[0]
    for key, value in left.items():
        metric, _, scorer = key.partition(":")
        found.append(evolve(_alone(first, value), metric=metric, scorer=scorer, primary=False))
    return found


def _key(score: Score) -> str:
    return f"{score.metric}:{score.scorer}"


def _replaced(score: Score, value: float | None) -> Score:
    if value is None:
        return score
    known = score.value
    if known is not None and math.isclose(known, value, rel_tol=1e-9, abs_tol=1e-12):
        return score
    return _alone(score, value)


def _alone(score: Score, value: float) -> Score:
    """``value`` with nothing said of its error, or of what missing instances could make of it."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("stderr", "ci_low", "ci_high", "mde", "worst_case", "best_case")
    )
    return evolve(score, value=value, method=COMPUTED, **nothing)


def note_computed(
    record: Mapping[str, Any], tasks: Iterable[TaskMeta], scores: Iterable[Score]
) -> list[str]:
    """Remarks on scores that stand alone; ``record`` marks their metrics as computed."""
    alone = {(s.name, _key(s)) for s in scores if s.method == COMPUTED}
    for entry in record["tasks"]:
        for metric in entry["metrics"]:
            if (entry["name"], metric["key"]) in alone:
                metric["computed"] = True
    return [
        f"{name}: {key} is computed from all responses at once and is no mean of its instances' "
        "values: it has no standard error and no interval, and runs are not compared by it"
        for name, key in sorted(alone)
    ]
