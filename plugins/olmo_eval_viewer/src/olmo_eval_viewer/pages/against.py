"""A run against the baseline that is asked for: the way to that comparison."""

from __future__ import annotations

from olmo_eval.errors import UsageError
from olmo_eval.results.baseline import Choice
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.page import Goto, Here, Params, href

CHOICES: tuple[Choice, ...] = ("previous", "best", "pinned")


def page(desk: Desk, params: Params, here: Here) -> Goto:
    if not params.get("run"):
        raise UsageError("the address lacks a run")
    run, how = desk.run(params["run"]), choice(params.get("how", ""))
    found = desk.baseline(run, how)
    return Goto(href("/compare", {"a": found.run_id, "b": run.run_id, "task": params.get("task")}))


def choice(text: str) -> Choice:
    """Raises UsageError for what is no baseline."""
    for one in CHOICES:
        if one == (text or "previous"):
            return one
    raise UsageError(f"baseline: expected one of {', '.join(CHOICES)}, got {text[:40]!r}")
