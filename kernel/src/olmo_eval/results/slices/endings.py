"""How answers ended in two runs, and how much of the difference goes with that.

An ending is an outcome, not a property of a question: where A was cut short, B looks better by the
choice of questions alone. So this divides the difference up, and tests nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from olmo_eval.results.store import Run

ANSWERED = "answered"


@frozen
class Ending:
    """The questions that ended as ``a`` in A and as ``b`` in B: how many, and the part of the
    overall difference that they make up (the parts of all add up to it)."""

    a: str
    b: str
    questions: int
    part: float

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


def endings(
    a: Mapping[str, str], b: Mapping[str, str], effects: Mapping[str, float]
) -> list[Ending]:
    """The pairs of endings by the size of their part; ``a`` and ``b`` say how each question ended,
    ``effects`` its B - A. Nothing where all ended alike."""
    found: dict[tuple[str, str], list[float]] = {}
    for name, effect in effects.items():
        key = (a.get(name, ANSWERED), b.get(name, ANSWERED))
        found.setdefault(key, []).append(effect)
    if len(found) < 2:
        return []
    made = [Ending(*key, len(own), sum(own) / len(effects)) for key, own in found.items()]
    return sorted(made, key=lambda e: (-abs(e.part), e.a, e.b))


def endings_of(run: Run, task: str) -> dict[str, str]:
    """The outcome of each question of a task, in words."""
    rows = run.instances(task, ["instance_id", "outcome"]).to_pylist()
    return {
        row["instance_id"]: ANSWERED if row["outcome"] == "scored" else _words(row["outcome"])
        for row in rows
    }


def _words(outcome: str) -> str:
    return outcome.replace("_", " ")
