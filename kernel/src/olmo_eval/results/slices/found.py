"""The slices of a comparison, from the runs' tables to what people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from olmo_eval.errors import MissingDependencyError
from olmo_eval.results.pairing import Pairs, pairs, primary_metric
from olmo_eval.results.slices.endings import Ending, endings, endings_of
from olmo_eval.results.slices.members import LEAST, Slice, slices_of
from olmo_eval.results.slices.tested import ALPHA, SliceResult, Subject, judge_slices
from olmo_eval.results.slices.texts import text_clusters
from olmo_eval.results.store import Run

_COLUMNS = ("instance_id", "question", "gold", "choices", "metadata", "cluster")


@frozen
class TaskSlices:
    """A task's slices: the ``tested`` ones, those that stand out first, then by p-value. ``made``
    counts them all; in those not tested too few questions differ for any result. ``endings``
    divides the difference by how answers ended."""

    task: str
    questions: int
    made: int
    tested: tuple[SliceResult, ...]
    endings: tuple[Ending, ...]

    @property
    def changed(self) -> tuple[SliceResult, ...]:
        return tuple(one for one in self.tested if one.changed)

    def to_dict(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "questions": self.questions,
            "made": self.made,
            "tested": [one.to_dict() for one in self.tested],
            "endings": [one.to_dict() for one in self.endings],
        }


@frozen
class SliceReport:
    """The slices of several tasks, judged as one ``family`` at false discovery rate ``alpha``."""

    tasks: tuple[TaskSlices, ...]
    family: int
    alpha: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "family": self.family,
            "alpha": self.alpha,
            "tasks": [task.to_dict() for task in self.tasks],
            "notes": list(self.notes),
        }


def slice_report(a: Run, b: Run, names: Sequence[tuple[str, str]], *, seed: int = 0) -> SliceReport:
    """Where B differs from A, on each of the tasks ``names`` (as A and as B call them).

    Without scikit-learn there are no text clusters, and a note says how to get them.
    """
    notes: dict[str, None] = {}
    subjects = [_subject(a, b, name, other, seed, notes) for name, other in names]
    results = judge_slices(subjects, seed)
    tasks = []
    for subject, (name, other) in zip(subjects, names, strict=True):
        own = [one for one in results if one.task == name]
        own.sort(key=lambda one: (not one.stands_out, one.verdict.p_value, one.name))
        ended = () if subject.entry["weighted"] else _endings(a, b, name, other, subject.pairs)
        count = len(subject.pairs.a)
        tasks.append(TaskSlices(name, count, len(subject.slices), tuple(own), tuple(ended)))
        if not subject.slices:
            notes[f"{name}: no slice of its {count:,} questions has {LEAST} of them"] = None
    return SliceReport(tuple(tasks), len(results), ALPHA, tuple(notes))


def _subject(a: Run, b: Run, name: str, other: str, seed: int, notes: dict[str, None]) -> Subject:
    entry = primary_metric(a, name)
    found = pairs(a, b, name, entry["key"], other)
    known = {row["instance_id"]: row for row in a.instances(name, _COLUMNS).to_pylist()}
    rows = [known[i] for i in found.ids.to_pylist()]
    clusters: list[Slice] = []
    try:
        clusters = text_clusters([row["question"] or "" for row in rows], seed)
    except MissingDependencyError as error:
        notes[f"{error.message}: {error.hint}"] = None
    return Subject(name, found, entry, slices_of(rows, clusters))


def _endings(a: Run, b: Run, name: str, other: str, found: Pairs) -> list[Ending]:
    effects = zip(found.ids.to_pylist(), (found.b - found.a).tolist(), strict=True)
    return endings(endings_of(a, name), endings_of(b, other), dict(effects))
