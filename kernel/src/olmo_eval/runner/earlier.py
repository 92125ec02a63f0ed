"""Earlier runs whose scores of single questions a run is set against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmo_eval.errors import UsageError
from olmo_eval.results.differences import lock_differences
from olmo_eval.results.naming import paired_names
from olmo_eval.results.run import Run
from olmo_eval.runner.plan import PlannedTask


def earlier_name(run: Run, record: Mapping[str, Any], planned: PlannedTask, otherwise: str) -> str:
    """What ``run`` calls the task, which it was asked as ``record`` says it will be, and of which
    it has the primary metric of single questions; ``otherwise`` is what follows where it has not.

    Raises:
        UsageError: it has no such task, was asked otherwise, or has no such scores.
    """
    name = paired_names([planned.name], run.task_names).get(planned.name)
    if name is None:
        raise UsageError(
            f"run {run.run_id} has no task {planned.name}, so {otherwise}",
            hint=f"it has {', '.join(run.task_names)}",
        )
    key = planned.primary_key
    try:
        lock_differences(run.record, record, name, (), planned.name)
    except UsageError as error:
        raise UsageError(
            f"run {run.run_id}: {otherwise}: {error.message}",
            hint="ask as it did, or name another run",
        ) from error
    entry = next((m for m in run.task_record(name)["metrics"] if m["key"] == key), None)
    if entry is None or entry.get("computed"):
        raise UsageError(
            f"{name}: run {run.run_id} has no {key} of single questions",
            hint="rescore it, or name another run",
        )
    return name
