"""The run that a candidate is compared with where nobody names one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote, unquote

from attrs import frozen

from olmo_eval.errors import UsageError
from olmo_eval.results.markers import Markers
from olmo_eval.results.naming import paired_names, same_task
from olmo_eval.results.run import Run
from olmo_eval.results.store import Store
from olmo_eval.results.tracking.lineage import FINISHED

Choice = Literal["pinned", "previous", "best"]
_GROUP = "group-"
_ALL = "store"


@frozen
class Baseline:
    """A run to compare with, and in words what it is to the candidate."""

    run: Run
    why: str


def choose_baseline(
    store: Store, run: Run, choice: Choice | None = None, tasks: Sequence[str] = ()
) -> Baseline:
    """The baseline of ``run``: by default the one that was set for its group or the store, else the
    checkpoint before it.

    The checkpoints of a run are those of its group; without a group, those in the same folder.
    ``best`` is the one among the others that ranks best over ``tasks`` (all that ``run`` has), on
    average.

    Raises:
        UsageError: there is none.
    """
    if choice in (None, "pinned"):
        found = _pinned(store, run)
        if found is not None:
            return found
        if choice == "pinned":
            raise UsageError("no baseline is set", hint="`olmo-eval baseline set RUN`")
    wanted = [name for name in tasks if same_task(run.task_names, name)] or run.task_names
    others = [other for other in _lineage(store, run) if _has(other, wanted, choice == "best")]
    return _best(others, run, wanted) if choice == "best" else _previous(others, run)


def _pinned(store: Store, run: Run) -> Baseline | None:
    known = baselines(store.location)
    for group in dict.fromkeys((run.facts.group, None)):
        reference = known.get(group) if group != "" else None
        if reference is not None and reference != run.run_id:
            of = "the store" if group is None else f"group {group}"
            return Baseline(store.find(reference), f"the baseline that was set for {of}")
    return None


def _lineage(store: Store, run: Run) -> list[Run]:
    """Finished runs of the other checkpoints, oldest first."""
    wanted = {"group": run.facts.group} if run.facts.group else {}
    folder = run.model.rstrip("/").rpartition("/")[0]
    return [
        other
        for other in store.select(wanted)
        if other.model != run.model
        and other.facts.kind != "rescore"
        and other.status in FINISHED
        and (wanted or (folder and other.model.rstrip("/").rpartition("/")[0] == folder))
    ]


def _has(other: Run, wanted: Sequence[str], every: bool) -> bool:
    """Whether a run was asked some of the tasks, or ``every`` one."""
    found = paired_names(wanted, other.task_names)
    return len(found) == len(wanted) if every else bool(found)


def _of(run: Run) -> str:
    return f"of group {run.facts.group}" if run.facts.group else "in its folder"


def _previous(others: Sequence[Run], run: Run) -> Baseline:
    step = run.facts.step
    if step is None:
        raise UsageError(
            f"run {run.run_id} has no step, so nobody knows which checkpoint came before it",
            hint="name the baseline: compare RUN_A RUN_B; or `olmo-eval baseline set RUN`",
        )
    before = [r for r in others if r.facts.step is not None and r.facts.step < step]
    if not before:
        raise UsageError(
            f"no checkpoint {_of(run)} before step {step:,} has a task of run {run.run_id}",
            hint="name the baseline: compare RUN_A RUN_B; or `olmo-eval baseline set RUN`",
        )
    found = max(before, key=lambda r: (r.facts.step or 0, r.facts.started))
    return Baseline(found, f"the checkpoint before B {_of(run)}")


def _best(others: Sequence[Run], run: Run, wanted: Sequence[str]) -> Baseline:
    import numpy as np
    from scipy.stats import rankdata

    newest = {other.model: other for other in others}  # oldest first
    scored = [(r, v) for r in newest.values() if (v := _values(r, wanted)) is not None]
    if not scored:
        raise UsageError(
            f"no other checkpoint {_of(run)} has every task of run {run.run_id}",
            hint="-t TASK says by which; or name the baseline: compare RUN_A RUN_B",
        )
    ranks = rankdata(-np.array([values for _, values in scored]), axis=0).mean(axis=1)
    order = sorted(range(len(scored)), key=lambda i: (ranks[i], -(scored[i][0].facts.step or 0)))
    how = f" by its mean rank over {len(wanted):,} tasks" if len(wanted) > 1 else ""
    return Baseline(scored[order[0]][0], f"the best of {len(scored):,} checkpoints {_of(run)}{how}")


def _values(run: Run, wanted: Sequence[str]) -> list[float] | None:
    """The scores of the tasks, so that more is better; None where one is missing."""
    scores = {s.name: s for s in run.scores() if s.primary}
    names = paired_names(wanted, run.task_names)
    found = [scores.get(names[name]) for name in wanted]
    values = [
        s.value if s.higher_is_better else -s.value
        for s in found
        if s is not None and s.value is not None
    ]
    return values if len(values) == len(wanted) else None


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
    if its.group != mine.group or its.kind != mine.kind or its.status not in FINISHED:
        return False
    if step is None:
        earlier = its.started < mine.started
    else:
        earlier = its.step is not None and its.step < step
    return earlier and bool(paired_names(one.task_names, run.task_names))


def baselines(results: str) -> dict[str | None, str]:
    """The ids of the runs that were set as baselines, by group; None is the store's.

    Raises:
        DataError: the store cannot be read.
    """
    markers = Markers(results, "baselines")
    found: dict[str | None, str] = {}
    for name in sorted(markers.names()):
        run_id = markers.read(name)
        if run_id:
            group = unquote(name.removeprefix(_GROUP)) if name.startswith(_GROUP) else None
            found[group] = run_id
    return found


def set_baseline(results: str, run_id: str, group: str | None = None) -> None:
    """Make a run the baseline of a group, or of the store.

    Raises:
        DataError: the store cannot be written.
    """
    Markers(results, "baselines").write(_marker(group), run_id)


def clear_baseline(results: str, group: str | None = None) -> bool:
    """Whether there was one. Raises DataError: the store cannot be written."""
    return Markers(results, "baselines").remove(_marker(group))


def _marker(group: str | None) -> str:
    return _ALL if group is None else f"{_GROUP}{quote(group, safe='')}"
