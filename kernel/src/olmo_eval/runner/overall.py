"""Scores that are computed from all responses of a task at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from olmo_eval import plugins
from olmo_eval.common.metrics.base import number, with_likelihoods
from olmo_eval.common.types import Outcome, Response
from olmo_eval.errors import PluginError
from olmo_eval.evals.tasks.common import Task
from olmo_eval.results.finalize import task_rows
from olmo_eval.results.places import Places
from olmo_eval.results.record import Row, scored_outputs
from olmo_eval.runner.feed import selected
from olmo_eval.runner.plan import PlannedTask


def computed_scores(journal: Path, planned: PlannedTask, places: Places) -> dict[str, float]:
    """What ``compute_metrics`` and the metrics' ``compute`` make of a task's scored responses, by
    metric key; nothing where there is none of them. Holds all responses in memory.

    Raises:
        PluginError: they failed, or gave something else than numbers.
    """
    task = planned.task
    return computed_from(planned, task_rows(journal, planned.name, places)) if task.computes else {}


def computed_from(planned: PlannedTask, rows: Iterable[Row]) -> dict[str, float]:
    """``computed_scores`` from the rows of a task's instances with their answers and scores."""
    task = planned.task
    responses = list(_responses(planned, rows))
    if not responses:
        return {}
    with plugins.asking(f"compute_metrics of task {planned.name!r}", type(task).__module__):
        return {
            key: value
            for key, value in _flat(task, task.compute_metrics(responses))
            if math.isfinite(value)
        }


def _flat(task: Task, computed: Any) -> Iterator[tuple[str, float]]:
    """Each metric's key and score, from ``{metric: {scorer: score}}`` or ``{metric: score}``."""
    name = task.config.name
    if not isinstance(computed, Mapping):
        raise PluginError(f"compute_metrics of task {name!r} gave {computed!r:.60}, not a mapping")
    keys = {metric.metric_name: metric.key for metric in task.config.metrics}
    keys |= {metric.name: metric.key for metric in task.config.metrics if metric.name not in keys}
    for metric, found in computed.items():
        scorers = found if isinstance(found, Mapping) else {None: found}
        for scorer, value in scorers.items():
            key = keys.get(metric, f"{metric}:computed") if scorer is None else f"{metric}:{scorer}"
            try:
                yield key, number(value, f"task {name!r}, metric {key},")
            except ValueError as error:
                raise PluginError(str(error)) from error


def _responses(planned: PlannedTask, rows: Iterable[Row]) -> Iterator[Response]:
    instances = dict(selected(planned.task))
    for row in rows:
        if row["error"] is None and row["outputs"] and row["instance_id"] in instances:
            yield with_likelihoods(_response(row, planned, instances[row["instance_id"]]))


def _response(row: Row, planned: PlannedTask, instance: Any) -> Response:
    task = planned.task
    outputs = scored_outputs(row)
    scores = {name: task.summed_up(s) for name, s in (row["scores"] or {}).items() if s}
    request = task.request_for(instance)
    outcome = Outcome(row["outcome"])
    return Response(row["instance_id"], instance, request, outputs, scores, outcome)
