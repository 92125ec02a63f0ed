"""What a run of some questions says of all, with an earlier run's scores of all as its anchor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import evolve, frozen

from olmo_eval.common.figures import counted
from olmo_eval.common.metrics import Metric
from olmo_eval.results.anchored_rows import ANCHORED
from olmo_eval.results.columns import FloatArray, TaskColumns
from olmo_eval.results.pairing import question_values
from olmo_eval.results.run import Run
from olmo_eval.results.schema import file_name
from olmo_eval.results.statistics.anchored import LEAST, Anchored, anchored
from olmo_eval.results.summary import Score, score_range, transformed, within

#: how its metric is called after the metric of the questions asked
_PREFIX = "anchored_"


@frozen(eq=False)
class Anchor:
    """An earlier run's scores of every question of a task, by the metric that the run is scored by:
    ids (N), ``values`` (N,; NaN where it has none), ``weights`` (N,) and clusters (N)."""

    run_id: str
    ids: pa.Array
    values: FloatArray
    weights: FloatArray
    clusters: list[str | None] | None

    @classmethod
    def read(cls, run: Run, task: str, key: str) -> Anchor:
        """Raises DataError: the table of the task cannot be read."""
        ids, values, weights, clusters = question_values(run, task, key)
        labels = clusters.to_pylist() if clusters.null_count < len(clusters) else None
        return cls(run.run_id, ids.combine_chunks(), values, weights, labels)


def anchored_scores(
    folder: Path,
    record: dict[str, Any],
    primaries: Mapping[str, Metric],
    columns: Mapping[str, TaskColumns],
    anchors: Mapping[str, Anchor],
) -> list[Score]:
    """A row of kind ``anchored`` for each task with an anchor, estimating what all its questions
    would score. ``record`` keeps under ``anchored`` how, or why there is none.

    ``folder`` holds the instances of the run; ``columns`` has their values, row by row.
    """
    rows = []
    for entry in record["tasks"]:
        anchor = anchors.get(entry["name"])
        if anchor is None:
            continue
        metric, mine = primaries[entry["name"]], columns[entry["name"]]
        table = folder / "instances" / f"{file_name(entry['name'])}.parquet"
        ids = pq.read_table(table, columns=["instance_id"]).column("instance_id")
        found = _estimated(metric, mine, ids, anchor)
        told = {"anchor": anchor.run_id, "metric": f"{_PREFIX}{metric.metric_name}"}
        if isinstance(found, str):
            told["reason"] = found
        else:
            rows.append(_row(entry, metric, mine, found))
            told |= _facts(found, metric)
        record.setdefault("anchored", {})[entry["name"]] = told
    return rows


def _estimated(
    metric: Metric, columns: TaskColumns, ids: pa.ChunkedArray, anchor: Anchor
) -> Anchored | str:
    """The estimate, or why there is none."""
    values, weights = columns.values(metric.key), columns.weights(metric.key)
    present = ~np.isnan(values)
    places = np.asarray(pc.fill_null(pc.index_in(ids, value_set=anchor.ids), -1))
    if (places < 0).any():
        return f"{counted(int((places < 0).sum()), 'question')} asked here are not in the anchor"
    if metric.weighted and not np.allclose(weights[present], anchor.weights[places[present]]):
        return "the questions weigh otherwise in the anchor"
    n, total = int(present.sum()), len(anchor.ids)
    if n < LEAST:
        return f"{counted(n, 'scored question')}, fewer than {LEAST}"
    if np.isnan(anchor.values).all():
        return "the anchor has no score"
    found = anchored(
        values[present],
        places[present],
        anchor.values,
        anchor.weights if metric.weighted else None,
        anchor.clusters,
    )
    if found is None:
        return f"all {total:,} questions are asked" if total - n < 2 else "the scores do not vary"
    return _within(found, metric, values)


def _within(found: Anchored, metric: Metric, values: FloatArray) -> Anchored:
    """The estimate in the units of the metric, its limits where scores end."""
    bounds = score_range(metric, values)
    one = found.estimate
    about_all = evolve(one, stderr=found.all_stderr, ci_low=found.all_low, ci_high=found.all_high)
    one, about_all = (within(transformed(e, metric.transform), bounds) for e in (one, about_all))
    return evolve(
        found,
        estimate=one,
        all_stderr=about_all.stderr,
        all_low=about_all.ci_low,
        all_high=about_all.ci_high,
    )


def _row(entry: Mapping[str, Any], metric: Metric, columns: TaskColumns, found: Anchored) -> Score:
    return Score.of(
        found.estimate,
        name=entry["name"],
        kind=ANCHORED,
        task=entry["task"],
        variants=tuple(entry["variants"]),
        metric=f"{_PREFIX}{metric.metric_name}",
        scorer=metric.scorer.name,
        primary=False,
        higher_is_better=metric.higher_is_better,
        n_expected=columns.n,
        n_scored=found.estimate.n,
        worst_case=None,
        best_case=None,
    )


def _facts(found: Anchored, metric: Metric) -> dict[str, Any]:
    """What ``run.json`` keeps of an estimate."""
    return {
        "value": found.estimate.value,
        "asked": found.estimate.n,
        "questions": found.n_all,
        "stderr": found.all_stderr,
        "ci_low": found.all_low,
        "ci_high": found.all_high,
        "variance_saved": found.variance_saved,
        "worth": found.worth,
        "method": found.estimate.method,
    }
