"""Which run another is best compared with, where nobody says."""

from __future__ import annotations

from collections.abc import Sequence

from olmo_eval.results.naming import paired_names
from olmo_eval.results.run import Run
from olmo_eval.results.store import Store

_FINISHED = frozenset({"complete", "incomplete"})


def previous_run(store: Store, run: Run) -> Run | None:
    """The newest finished run of the checkpoint before that of ``run`` in its group; where the run
    is in no group or has no step, the finished run made before it. Only runs that share a task
    with it count; None where there is none.
    """
    wanted = {"group": run.facts.group} if run.facts.group else {}
    return previous_of(run, store.select(wanted))


def previous_of(run: Run, runs: Sequence[Run]) -> Run | None:
    """``previous_run`` among ``runs``, oldest first."""
    step = run.facts.step if run.facts.group else None
    usable = (one for one in reversed(runs) if _comes_before(one, run, step))
    if step is None:
        return next(usable, None)
    return max(usable, key=lambda one: (one.facts.step or 0, one.facts.started), default=None)


def _comes_before(one: Run, run: Run, step: int | None) -> bool:
    mine, its = run.facts, one.facts
    if its.group != mine.group or its.kind != mine.kind or its.status not in _FINISHED:
        return False
    if step is None:
        earlier = its.started < mine.started
    else:
        earlier = its.step is not None and its.step < step
    return earlier and bool(paired_names(one.task_names, run.task_names))
