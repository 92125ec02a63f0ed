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
    where = pc.index_in(ids_a, value_set=ids_b.combine_chunks())
    found = np.asarray(pc.fill_null(where, -1))
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


def _floats(column: pa.ChunkedArray, key: str, missing: float) -> FloatArray:
    inner = pc.struct_field(column, [key]) if len(column) else pa.array([], pa.float64())
    return np.asarray(pc.fill_null(inner, missing), dtype=np.float64)
