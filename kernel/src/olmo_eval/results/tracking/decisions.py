"""Which tasks tell models apart at this scale, and order them as a larger scale does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.errors import UsageError
from olmo_eval.results.statistics import (
    DecisionAccuracy,
    SignalToNoise,
    bootstrapped_decision_accuracy,
)
from olmo_eval.results.tracking.lineage import Axis
from olmo_eval.results.tracking.tracks import Track, Tracks, signal_of, track


@frozen
class TaskTrust:
    """What one task is worth for choosing between models at the small scale.

    ``signal`` is the range of the models' newest scores against the noise within their runs
    (None where runs have fewer than 4 checkpoints); ``decisions`` how often the small scale orders
    two models as the target scale does (None below 3 models at both scales).
    """

    name: str
    kind: str
    metric: str
    scores: Mapping[str, float]
    target_scores: Mapping[str, float]
    signal: SignalToNoise | None
    decisions: DecisionAccuracy | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "scores": dict(self.scores),
            "target_scores": dict(self.target_scores),
            "signal_to_noise": None if self.signal is None else self.signal.to_dict(),
            "decision_accuracy": None if self.decisions is None else self.decisions.to_dict(),
        }


@frozen
class Trust:
    """Every task of the small groups, those with the best decisions, then signal, first."""

    pairs: tuple[tuple[str, str | None], ...]
    tasks: tuple[TaskTrust, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "pairs": [{"small": small, "target": target} for small, target in self.pairs],
            "tasks": [task.to_dict() for task in self.tasks],
            "notes": list(self.notes),
        }


def trust(
    results: str,
    pairs: Sequence[tuple[str, str | None]],
    tasks: Sequence[str] = (),
    *,
    by: Axis = "step",
    allow_different: Sequence[str] = (),
) -> Trust:
    """How far each task is to be trusted, from ``pairs`` of groups: a recipe at the small scale,
    and the same recipe at the target scale (or None). A group's newest checkpoint stands for it.

    Raises:
        UsageError: fewer than 2 recipes, or one named twice. UnknownNameError: no run has a group.
    """
    small = [name for name, _ in pairs]
    if len(pairs) < 2 or len(set(small)) < len(small):
        raise UsageError(
            "trust needs two different groups or more: tasks are judged by telling models apart",
            hint="--group A --group B, or --pair SMALL_A=LARGE_A --pair SMALL_B=LARGE_B ...",
        )
    found = track(results, small, tasks, by=by, allow_different=allow_different)
    targets = [target for _, target in pairs if target is not None]
    large = None
    if targets:
        large = track(results, targets, tasks, by=by, allow_different=allow_different)
    rows = [_task(name, found, large, dict(pairs)) for name in found.names()]
    rows.sort(key=_worth, reverse=True)
    notes = list(found.notes) + (list(large.notes) if large else [])
    usable = sum(target is not None for _, target in pairs)
    if usable < 3:
        notes.append(
            f"decision accuracy needs 3 recipes at both scales, and there are {usable}: --pair"
        )
    return Trust(tuple(pairs), tuple(rows), tuple(dict.fromkeys(notes)))


def _task(
    name: str, small: Tracks, large: Tracks | None, pairs: Mapping[str, str | None]
) -> TaskTrust:
    tracks = small.of(name)
    newest = {t.group: _newest(t) for t in tracks}
    there = {} if large is None else {t.group: _newest(t) for t in large.of(name)}
    both = [g for g in newest if pairs[g] in there]
    decisions = None
    if len(both) >= 3:
        targets = [there[str(pairs[g])] for g in both]
        decisions = bootstrapped_decision_accuracy([newest[g] for g in both], targets)
    long = [t for t in tracks if len(t.points) >= 4]
    signal = None
    if len(newest) > 1 and long:
        runs = [[p.score.value or 0.0 for p in t.points] for t in long]
        signal = signal_of([list(newest.values())], runs)
    first = tracks[0]
    return TaskTrust(name, first.kind, first.metric, newest, there, signal, decisions)


def _newest(track: Track) -> float:
    return float(track.points[-1].score.value or 0.0)


def _worth(task: TaskTrust) -> tuple[float, float]:
    ratio = None if task.signal is None else task.signal.ratio
    return (
        -1.0 if task.decisions is None else task.decisions.value,
        -1.0 if ratio is None else ratio,
    )
