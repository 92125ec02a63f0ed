"""How every question of a task stands in two runs: all of them, also those that one run lacks.

What ``pairing`` leaves out of a comparison stands here beside what it compares, so that a reader
can count and look at the questions behind a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from olmo_eval.results.columns import FloatArray
from olmo_eval.results.compare import paired_verdict
from olmo_eval.results.pairing import (
    Pairs,
    pair_values,
    places_in,
    primary_metric,
    question_values,
)
from olmo_eval.results.statistics import Verdict
from olmo_eval.results.store import Run
from olmo_eval.results.tracking.noise import noisy_questions

Standing = Literal["regressed", "improved", "both_right", "both_wrong", "tied", "missing"]
#: in the order in which a reader wants to see them
STANDINGS: tuple[Standing, ...] = (
    "regressed",
    "improved",
    "both_right",
    "both_wrong",
    "tied",
    "missing",
)
#: columns of the instances that a table of standings has of both runs, where the runs have them
_OF_BOTH = {
    "outcome": pa.string(),
    "completion_tokens": pa.int32(),
    "latency": pa.float32(),
    "cost_usd": pa.float64(),
}
BoolArray = npt.NDArray[np.bool_]


@frozen(eq=False)
class Standings:
    """The questions of one task in two runs, a row each: those of A in its order, then those that
    B alone has.

    ``table`` has ``instance_id``; ``row_a`` and ``row_b``, the places in the runs' tables, null
    where a run lacks the question; ``value_a`` and ``value_b`` of the primary metric, null where
    missing; ``gain``, B - A in the direction that is better; ``standing``; ``noise``, whether
    repeats of one of the models differ on it; and of either run ``outcome``,
    ``completion_tokens``, ``latency`` (seconds) and ``cost_usd``.
    """

    task: str
    task_b: str
    metric: Mapping[str, Any]
    binary: bool
    table: pa.Table
    pairs: Pairs

    def counts(self) -> dict[Standing, int]:
        """How many questions stand so; regressed and improved are a verdict's losses and wins."""
        codes = self.table.column("standing").combine_chunks().indices
        found = np.bincount(np.asarray(codes), minlength=len(STANDINGS)).tolist()
        return dict(zip(STANDINGS, found, strict=True))

    def verdict(self, chosen: BoolArray) -> Verdict | None:
        """The verdict on those of the questions that ``chosen`` (n,) marks; None where no two
        answers of them are left to compare.

        It is unadjusted, and means something only where the choice does not depend on how the
        questions were answered.
        """
        paired = np.asarray(pc.is_valid(self.table.column("gain")))
        found = self.pairs.of(chosen[paired])
        return paired_verdict(found, self.metric) if len(found.a) else None


def standings(a: Run, b: Run, task: str, task_b: str | None = None) -> Standings:
    """How every question of ``task`` stands, which the second run may call ``task_b``.

    Raises:
        DataError: a table cannot be read, or a run has no scores of the task.
    """
    name_b = task_b or task
    metric = primary_metric(a, task)
    key = str(metric["key"])
    of_a, of_b = question_values(a, task, key), question_values(b, name_b, key)
    (ids_a, value_a, _, _), (ids_b, value_b, _, _) = of_a, of_b
    row_a, row_b, ids = _joined(ids_a.combine_chunks(), ids_b.combine_chunks())
    left, right = _at(value_a, row_a), _at(value_b, row_b)
    better = 1.0 if metric["higher_is_better"] else -1.0
    gain = (right - left) * better
    known = np.concatenate([left[~np.isnan(left)], right[~np.isnan(right)]])
    binary = bool(known.size and ((known == 0) | (known == 1)).all())
    columns: dict[str, Any] = {
        "instance_id": ids,
        "row_a": pa.array(row_a, pa.int32(), mask=row_a < 0),
        "row_b": pa.array(row_b, pa.int32(), mask=row_b < 0),
        "value_a": _numbers(left),
        "value_b": _numbers(right),
        "gain": _numbers(gain),
        "standing": _standing(gain, left, binary, better > 0),
        "noise": _is_in(ids, noisy_questions(a, b, task)),
    }
    for side, run, name, rows in (("a", a, task, row_a), ("b", b, name_b, row_b)):
        columns |= _of_run(run, name, rows, side)
    return Standings(task, name_b, metric, binary, pa.table(columns), pair_values(of_a, of_b))


def _joined(
    a: pa.Array, b: pa.Array
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], pa.Array]:
    """The places of every id in both, -1 where it is not; and the ids."""
    in_b = places_in(a, b)
    alone = np.flatnonzero(places_in(b, a) < 0)
    row_a = np.concatenate([np.arange(len(a)), np.full(len(alone), -1)])
    row_b = np.concatenate([in_b, alone])
    return row_a, row_b, pa.concat_arrays([a, b.take(pa.array(alone))])


def _at(values: FloatArray, rows: npt.NDArray[np.int64]) -> FloatArray:
    """``values`` at ``rows``, NaN where there is no row."""
    return np.append(values, math.nan)[rows]


def _numbers(values: FloatArray) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _standing(gain: FloatArray, left: FloatArray, binary: bool, higher: bool) -> pa.Array:
    right_is = 1.0 if higher else 0.0
    tied = np.where(left == right_is, 2, 3) if binary else np.full(len(gain), 4)
    codes = np.select([np.isnan(gain), gain < 0, gain > 0], [5, 0, 1], tied)
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(STANDINGS))


def _is_in(ids: pa.Array, some: frozenset[str]) -> pa.Array:
    return pc.is_in(ids, value_set=pa.array(sorted(some), pa.string()))


def _of_run(run: Run, task: str, rows: npt.NDArray[np.int64], side: str) -> dict[str, pa.Array]:
    known = run.columns_of(task, *_OF_BOTH)
    table = run.instances(task, known)
    take = pa.array(rows, mask=rows < 0)
    return {
        f"{name}_{side}": table.column(name).combine_chunks().take(take)
        if name in known
        else pa.nulls(len(rows), kind)
        for name, kind in _OF_BOTH.items()
    }
