"""A task's questions over several runs: which all solve, which none does, and how that differs by
what the data says of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from attrs import frozen

from olmo_eval.errors import DataError, UsageError
from olmo_eval.results.columns import FloatArray
from olmo_eval.results.differences import differing_inputs
from olmo_eval.results.divided import metadata_keys, metadata_values
from olmo_eval.results.naming import same_task
from olmo_eval.results.pairing import primary_metric, scores_of
from olmo_eval.results.run import Run
from olmo_eval.results.tracking.lineage import FINISHED

Solved = Literal["never", "sometimes", "always", "missing"]
#: in the order in which a reader wants to see them
SOLVED: tuple[Solved, ...] = ("never", "sometimes", "always", "missing")
BoolArray = npt.NDArray[np.bool_]


@frozen(eq=False, slots=False)
class Difficulty:
    """The questions of one task in several runs that were asked the same.

    ``runs`` are the runs, each with what it calls the task; ``ids`` the questions of the last one,
    in its order; ``scores`` (n, runs) their values of the primary metric, NaN where missing;
    ``notes`` says which runs were left out, and why.
    """

    task: str
    metric: dict[str, Any]
    runs: tuple[tuple[Run, str], ...]
    ids: pa.Array
    scores: FloatArray
    notes: tuple[str, ...]

    @property
    def binary(self) -> bool:
        """Whether a question is right or wrong, and nothing between."""
        known = self.scores[~np.isnan(self.scores)]
        return bool(known.size and ((known == 0) | (known == 1)).all())

    @cached_property
    def means(self) -> FloatArray:
        """The mean score (n,) of each question over the runs that have one, NaN where none has: of
        a binary metric, the share of runs that solve it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
            found: FloatArray = np.nanmean(self.scores, axis=1)
        return found

    def solved(self) -> npt.NDArray[np.int8]:
        """For each question which of ``SOLVED`` it is, as its number.

        What a run without a score would have said is not known: where only some runs have one and
        they agree, the question is ``missing``. Only of binary metrics can a question be never or
        always solved; those of others that have every score are ``sometimes``.
        """
        unknown = np.isnan(self.scores)
        if not self.binary:
            return np.where(unknown.any(axis=1), 3, 1).astype(np.int8)
        right = self.scores == (1.0 if self.metric["higher_is_better"] else 0.0)
        wrong = ~right & ~unknown
        some = right.any(axis=1) & wrong.any(axis=1)
        choices = [some, unknown.any(axis=1), wrong.all(axis=1)]
        return np.select(choices, [1, 3, 0], 2).astype(np.int8)

    def counts(self) -> dict[Solved, int]:
        """How many questions are of each of ``SOLVED``."""
        found = np.bincount(self.solved(), minlength=len(SOLVED)).tolist()
        return dict(zip(SOLVED, found, strict=True))

    def hardest(self) -> npt.NDArray[np.int64]:
        """The places of the questions, hardest first, those without any score last."""
        sign = 1.0 if self.metric["higher_is_better"] else -1.0
        return np.argsort(
            np.where(np.isnan(self.means), math.inf, self.means * sign), kind="stable"
        )


@frozen
class PartDifficulty:
    """Questions whose metadata has ``value``: how many, their mean score over all runs and in the
    last one (None where none has one), and how many of them each of ``SOLVED`` counts."""

    value: str
    n: int
    mean: float | None
    newest: float | None
    counts: dict[Solved, int]


def difficulty(runs: Sequence[Run], task: str) -> Difficulty:
    """The questions of ``task`` in ``runs``, of which the last one says what the task is: those
    that were asked otherwise, or have no scores of it, are left out with a note.

    Raises:
        UsageError: no run has scores of the task. DataError: a table cannot be read.
    """
    asked = [(run, same_task(run.task_names, task)) for run in runs if run.status in FINISHED]
    known = [(run, name) for run, name in asked if name is not None and _scored(run, name)]
    if not known:
        raise UsageError(f"no finished run has scores of {task!r}", hint="`olmo-eval results list`")
    last, called = known[-1]
    metric = primary_metric(last, called)
    key = str(metric["key"])
    kept, notes = [], []
    for run, name in known:
        why = _apart(last, called, run, name, key)
        if why:
            notes.append(f"run {run.run_id} is left out: {why}")
        else:
            kept.append((run, name))
    ids = last.instances(called, ["instance_id"]).column("instance_id").combine_chunks()
    scores = np.column_stack([scores_of(run, name, key, ids) for run, name in kept])
    return Difficulty(task, metric, tuple(kept), ids, scores, tuple(notes))


def parts(found: Difficulty, key: str) -> list[PartDifficulty]:
    """The questions divided by a key of their metadata, largest part first."""
    names: dict[str, int] = {}
    codes = metadata_values(*found.runs[-1], key, names)
    solved, means = found.solved(), found.means
    made = [_part(found, value, codes == i, solved, means) for value, i in names.items()]
    return sorted(made, key=lambda part: -part.n)


def part_keys(found: Difficulty) -> list[str]:
    """The keys of metadata by which the questions can be divided."""
    return metadata_keys(*found.runs[-1])


def _part(
    found: Difficulty,
    value: str,
    chosen: BoolArray,
    solved: npt.NDArray[np.int8],
    means: FloatArray,
) -> PartDifficulty:
    counts = np.bincount(solved[chosen], minlength=len(SOLVED)).tolist()
    return PartDifficulty(
        value,
        int(chosen.sum()),
        _mean(means[chosen]),
        _mean(found.scores[chosen, -1]),
        dict(zip(SOLVED, counts, strict=True)),
    )


def _mean(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _scored(run: Run, name: str) -> bool:
    try:
        primary_metric(run, name)
    except DataError:
        return False
    return True


def _apart(last: Run, called: str, run: Run, name: str, key: str) -> str:
    """In words why a run's scores do not stand beside those of the last; empty where they do."""
    if all(metric["key"] != key for metric in run.task_record(name)["metrics"]):
        return f"it has no {key}"
    if run == last:
        return ""
    differing = differing_inputs(last.record, run.record, called, name)
    return "; ".join(one.sentence() for one in differing if one.forbids)
