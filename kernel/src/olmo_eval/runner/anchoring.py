"""Runs of some questions that are anchored on an earlier run of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from olmo_eval.errors import UsageError
from olmo_eval.results.anchoring import Anchor
from olmo_eval.results.run import Run
from olmo_eval.runner.earlier import earlier_name
from olmo_eval.runner.plan import PlannedTask

if TYPE_CHECKING:
    from olmo_eval.runner.job import Job


def anchors(job: Job, record: Mapping[str, Any]) -> dict[str, Anchor]:
    """The anchor of each task, by its name; none where the job names no run.

    The questions of a ``limit`` are a random sample of all (`runner.feed.selected`), which is what
    makes the estimate unbiased.

    Raises:
        UsageError: nothing is left out of a task, it stops when decided (which questions were
            asked then depends on their scores), or the run has not every question of it.
    """
    if job.anchor is None:
        return {}
    if job.against:
        raise UsageError(
            "a run that stops when decided cannot be anchored: how many questions it asks depends "
            "on what they score",
            hint="give --limit and --anchor, or --stop-when-decided",
        )
    return {p.name: _anchor(job.anchor, record, p) for p in job.plan.tasks}


def _anchor(run: Run, record: Mapping[str, Any], planned: PlannedTask) -> Anchor:
    if planned.task.config.limit is None:
        raise UsageError(
            f"{planned.name} is asked whole, so there is nothing to estimate from run {run.run_id}",
            hint="add --limit N, or leave --anchor out",
        )
    name = earlier_name(run, record, planned, "it is no anchor")
    config = run.task_record(name).get("config") or {}
    stopped = run.record.get("decided", {}).get(name, {})
    if config.get("limit") is not None or stopped.get("asked") != stopped.get("questions"):
        raise UsageError(
            f"{name}: run {run.run_id} was not asked every question, so it is no anchor",
            hint="name a run without a limit",
        )
    return Anchor.read(run, name, planned.primary_key)
