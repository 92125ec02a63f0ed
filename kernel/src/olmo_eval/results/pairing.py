"""Pairing the instances of two runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, frozen

from olmo_eval.errors import DataError
from olmo_eval.results.columns import FloatArray
from olmo_eval.results.store import Run

#: ids, values (NaN where missing), weights and clusters of a task's instances
QuestionValues = tuple[pa.ChunkedArray, FloatArray, FloatArray, pa.ChunkedArray]


@frozen
class Pairs:
    """The instances two runs share, in the order of the first, with both values of one metric.

    ``only_a`` and ``only_b`` count scored instances the other run lacks or has no value for.
    """

    ids: pa.ChunkedArray
    a: FloatArray
    b: FloatArray
    weights_a: FloatArray
    weights_b: FloatArray
    clusters: list[Any] | None
    only_a: int
    only_b: int

    def of(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """Those of the pairs that ``chosen`` (n,) marks."""
        kept = None
        if self.clusters is not None:
            kept = [c for c, keep in zip(self.clusters, chosen.tolist(), strict=True) if keep]
        return evolve(
            self,
            ids=self.ids.filter(pa.array(chosen)),
            a=self.a[chosen],
            b=self.b[chosen],
            weights_a=self.weights_a[chosen],
            weights_b=self.weights_b[chosen],
            clusters=kept,
        )


def primary_metric(run: Run, task: str) -> dict[str, Any]:
    """The primary metric of a task, as the run recorded it.

    Raises:
        DataError: the run has none: its external eval did not come to an end.
    """
    entry = run.task_record(task)
    if entry["primary"] is None:
        raise DataError(f"run {run.run_id} has no scores of {task}: it is {run.status}")
    return dict(next(m for m in entry["metrics"] if m["key"] == entry["primary"]))


def pairs(a: Run, b: Run, task: str, key: str, task_b: str | None = None) -> Pairs:
    """Pair the instances of two runs by id, where both have a value; the second run may call the
    task ``task_b``."""
    return pair_values(question_values(a, task, key), question_values(b, task_b or task, key))


def pair_values(of_a: QuestionValues, of_b: QuestionValues) -> Pairs:
    """``pairs`` of what ``question_values`` has read."""
    ids_a, value_a, weight_a, clusters = of_a
    ids_b, value_b, weight_b, _ = of_b
    found = places_in(ids_a, ids_b)
    in_a = (found >= 0) & ~np.isnan(value_a)
    both = in_a.copy()
    both[in_a] = ~np.isnan(value_b[found[in_a]])
    index_b = found[both]
    labels = None
    if clusters.null_count < len(clusters):
        labels = clusters.filter(pa.array(both)).to_pylist()
    return Pairs(
        ids=ids_a.filter(pa.array(both)),
        a=value_a[both],
        b=value_b[index_b],
        weights_a=weight_a[both],
        weights_b=weight_b[index_b],
        clusters=labels,
        only_a=int((~np.isnan(value_a)).sum() - both.sum()),
        only_b=int((~np.isnan(value_b)).sum() - both.sum()),
    )


def places_in(
    ids: pa.Array | pa.ChunkedArray, among: pa.Array | pa.ChunkedArray
) -> npt.NDArray[np.int64]:
    """The place of each id among others, -1 where it is not there."""
    ids, among = (
        one.combine_chunks() if isinstance(one, pa.ChunkedArray) else one for one in (ids, among)
    )
    if ids.equals(among):  # as runs of one benchmark mostly are: nothing has to be looked up
        return np.arange(len(ids))
    return np.asarray(pc.fill_null(pc.index_in(ids, value_set=among), -1), dtype=np.int64)


def question_values(run: Run, task: str, key: str) -> QuestionValues:
    """Ids, values (NaN where missing), weights and clusters of a task's instances."""
    names = ["instance_id", "cluster", f"values.{key}", f"weights.{key}"]
    table = run.instances(task, names)
    values, weights = table.column("values"), table.column("weights")
    return (
        table.column("instance_id"),
        _floats(values, key, math.nan),
        _floats(weights, key, 1.0),
        table.column("cluster"),
    )


def scores_of(run: Run, task: str, key: str, ids: pa.Array) -> FloatArray:
    """The run's values of the questions ``ids``, NaN where it has none."""
    own, values, _, _ = question_values(run, task, key)
    found: FloatArray = np.append(values, math.nan)[places_in(ids, own)]
    return found


def _floats(column: pa.ChunkedArray, key: str, missing: float) -> FloatArray:
    inner = pc.struct_field(column, [key]) if len(column) else pa.array([], pa.float64())
    return np.asarray(pc.fill_null(inner, missing), dtype=np.float64)
