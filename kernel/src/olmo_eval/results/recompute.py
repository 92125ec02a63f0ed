"""A finished run's scores, computed again from the rows of its tables, without any plugin."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import Scorer
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.computed import COMPUTED
from olmo_eval.results.run import Run
from olmo_eval.results.statistics import estimate
from olmo_eval.results.suites import suite_score
from olmo_eval.results.summary import Bounds, Score, score_range, task_scores, within

#: what numbers are made of, and no text
_COLUMNS = ("outcome", "error", "cluster", "values", "weights")
#: numbers that two versions of a library may round otherwise
_CLOSE = 1e-9
#: how a row that an external eval reports says that its error is not known
_REPORTED = "as reported by the eval"


@frozen
class Differing:
    """A number of ``metrics.parquet`` that is not what the rows give."""

    score: Score
    column: str
    recorded: Any
    recomputed: Any

    @property
    def text(self) -> str:
        said = f"{self.score.name} {self.score.metric}:{self.score.scorer}: {self.column}"
        return f"{said} is {self.recorded!r}, and its rows give {self.recomputed!r}"


@frozen
class Recomputed:
    """How the recorded ``scores`` of a run compare to its rows: those that ``agree``, the numbers
    that ``differ``, and the scores that are no mean of rows and stand ``alone``.
    """

    agree: tuple[Score, ...]
    differ: tuple[Differing, ...]
    alone: tuple[Score, ...]


def recompute(run: Run) -> Recomputed:
    """Compute every score of a run anew from the values and weights of its instances.

    Raises:
        DataError: a table is missing or cannot be read.
    """
    recorded = run.scores()
    columns = {name: task_columns(run, name) for name in run.task_names}
    again = {_key(score): score for score in _scores(run, columns)}
    primaries = {score.name: score for score in (*recorded, *again.values()) if score.primary}
    bounds = {name: _primary_range(run, name, columns[name]) for name in run.task_names}
    for node in run.suites():
        score = suite_score(node, primaries, bounds)
        if score is not None:
            again[_key(score)] = score
    agree, differ, alone = [], [], []
    for score in recorded:
        found = again.pop(_key(score), None)
        if score.method in (COMPUTED, _REPORTED) or found is None:
            alone.append(score)
            continue
        wrong = _differing(score, found)
        differ += wrong
        agree += [] if wrong else [score]
    differ += [Differing(s, "row", None, s.value) for s in again.values() if _expected(run, s)]
    return Recomputed(tuple(agree), tuple(differ), tuple(alone))


def task_columns(run: Run, task: str) -> TaskColumns:
    """What the scores of a task are made of, from its table of instances."""
    keys = [metric["key"] for metric in run.task_record(task)["metrics"]]
    columns = TaskColumns(keys)
    for row in run.rows(task, columns=run.columns_of(task, *_COLUMNS)):
        columns.add({"values": None, "weights": None, **row})
    return columns


def recorded_metric(told: Mapping[str, Any]) -> Metric:
    """A metric as far as scores are made by it, from what a run's record says of it."""
    scorer = type("RecordedScorer", (Scorer,), {"name": told["scorer"]})()
    settings: dict[str, Any] = {
        "higher_is_better": told["higher_is_better"],
        "binary": told.get("binary", False),
        "weighted": told.get("weighted", False),
        "transform": told.get("transform"),
        "bounds": tuple(told.get("bounds") or (None, None)),
        "metric_name": told["metric"],
    }
    made: Metric = type("RecordedMetric", (Metric,), settings)(scorer=scorer, name=told["metric"])
    return made


def _scores(run: Run, columns: Mapping[str, TaskColumns]) -> Iterator[Score]:
    for entry in run.record["tasks"]:
        mine = columns[entry["name"]]
        if run.record.get("kind") == "external":
            yield from _external(entry, mine)
            continue
        metrics = [recorded_metric(told) for told in entry["metrics"]]
        primary = next(m for m in metrics if m.key == entry["primary"])
        expected = entry.get("n_expected", mine.n)
        yield from task_scores(
            entry["name"], entry["task"], entry["variants"], metrics, primary, mine, expected
        )


def _external(entry: Mapping[str, Any], columns: TaskColumns) -> Iterator[Score]:
    """The scores of an external eval that are the mean of its instances'."""
    for told in entry["metrics"]:
        metric, values = recorded_metric(told), columns.values(told["key"])
        present = ~np.isnan(values)
        if not told.get("mean_of_instances") or not present.any():
            continue
        labels = None
        if columns.clusters is not None:
            labels = [c for c, keep in zip(columns.clusters, present, strict=True) if keep]
        found = within(estimate(values[present], labels), metric.bounds)
        yield Score.of(
            found,
            name=entry["name"], kind="external", task=entry["name"], variants=(),
            metric=told["metric"], scorer=told["scorer"],
            primary=told["key"] == entry["primary"],
            higher_is_better=metric.higher_is_better,
            n_expected=int(present.sum()), n_scored=int(present.sum()),
            worst_case=None, best_case=None,
        )  # fmt: skip


def _primary_range(run: Run, name: str, columns: TaskColumns) -> Bounds:
    entry = run.task_record(name)
    told = next(m for m in entry["metrics"] if m["key"] == entry["primary"])
    return score_range(recorded_metric(told), columns.values(told["key"]))


def _key(score: Score) -> tuple[str, str, str, str]:
    return score.kind, score.name, score.metric, score.scorer


def _expected(run: Run, score: Score) -> bool:
    """Whether a score that the rows give should be in the table."""
    return score.kind != "external"


#: what an external eval reports itself, or expects
_AS_REPORTED = ("n_expected", "worst_case", "best_case")


def _differing(recorded: Score, found: Score) -> list[Differing]:
    names: Sequence[str] = [field.name for field in attrs.fields(Score)]
    if recorded.kind == "external":
        names = [name for name in names if name not in _AS_REPORTED]
    close = 1e-6 if recorded.kind == "external" else _CLOSE
    return [
        Differing(recorded, name, getattr(recorded, name), getattr(found, name))
        for name in names
        if not _same(getattr(recorded, name), getattr(found, name), close)
    ]


def _same(one: Any, other: Any, close: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=close, abs_tol=1e-12)
    return bool(one == other)
