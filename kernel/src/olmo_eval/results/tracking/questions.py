"""The questions of a task over the checkpoints of a run: one score each, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from olmo_eval.results.columns import FloatArray
from olmo_eval.results.pairing import Pairs, question_values
from olmo_eval.results.tracking.lineage import TaskRuns


@frozen(eq=False)
class Questions:
    """Scores and weights (n, T) by question and checkpoint, NaN where there is no score.

    Questions stand in the order of the newest checkpoint, then those that only earlier ones have.
    """

    ids: tuple[str, ...]
    scores: FloatArray
    weights: FloatArray
    clusters: list[str | None]

    @property
    def binary(self) -> bool:
        """Whether every question is right or wrong."""
        known = self.scores[~np.isnan(self.scores)]
        return bool(known.size and ((known == 0) | (known == 1)).all())

    def pair(self, a: int, b: int) -> Pairs:
        """Checkpoints ``a`` and ``b``, paired by question, as two runs are."""
        scored = ~np.isnan(self.scores)
        both = scored[:, a] & scored[:, b]
        ids = pa.chunked_array(
            [pa.array([i for i, keep in zip(self.ids, both, strict=True) if keep])]
        )
        labels = [c for c, keep in zip(self.clusters, both, strict=True) if keep]
        return Pairs(
            ids=ids,
            a=self.scores[both, a],
            b=self.scores[both, b],
            weights_a=self.weights[both, a],
            weights_b=self.weights[both, b],
            clusters=labels if any(label is not None for label in labels) else None,
            only_a=int((scored[:, a] & ~both).sum()),
            only_b=int((scored[:, b] & ~both).sum()),
        )


def questions_of(task: TaskRuns, key: str) -> Questions:
    """Every checkpoint's scores of the metric ``key``.

    Raises:
        DataError: a table cannot be read.
    """
    columns = [question_values(run, name, key) for _, run, name in task.runs]
    rows: dict[str, int] = {}
    clusters: list[str | None] = []
    for ids, _, _, labels in reversed(columns):
        for name, label in zip(ids.to_pylist(), labels.to_pylist(), strict=True):
            if rows.setdefault(name, len(rows)) == len(clusters):
                clusters.append(label)
    shape = (len(rows), len(columns))
    scores, weights = np.full(shape, math.nan), np.ones(shape)
    known = pa.array(list(rows), pa.string())
    for column, (ids, values, weight, _) in enumerate(columns):
        where = np.asarray(pc.index_in(ids, value_set=known))
        scores[where, column] = values
        weights[where, column] = weight
    return Questions(tuple(rows), scores, weights, clusters)


def texts_of(task: TaskRuns, ids: tuple[str, ...]) -> Mapping[str, str]:
    """What the questions ask, from the newest checkpoint that has them."""
    found: dict[str, str] = {}
    for _, run, name in reversed(task.runs):
        left = [i for i in ids if i not in found]
        if left:
            rows = run.rows(name, ids=left, columns=["instance_id", "question"])
            found |= {row["instance_id"]: row["question"] or "" for row in rows}
    return found
