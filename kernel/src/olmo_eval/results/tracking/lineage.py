"""The checkpoints of a training run: which recorded runs stand for them, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import frozen

from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results.differences import differing_inputs
from olmo_eval.results.naming import same_task
from olmo_eval.results.run import Run
from olmo_eval.results.store import Store

Axis = Literal["step", "tokens"]
#: how runs stand that have tables to read
FINISHED = frozenset({"complete", "incomplete", "diverged"})


@frozen
class Lineage:
    """One group's checkpoints: every run with its place on the axis, in order.

    Where several runs were made of one checkpoint all of them stand here, the newest last:
    together they may have been asked more tasks than one. ``notes`` says what was left out.
    """

    group: str
    axis: Axis
    runs: tuple[tuple[int, Run], ...]
    notes: tuple[str, ...]

    def task_names(self) -> list[str]:
        """Every task that some run was asked, in order."""
        return list(dict.fromkeys(name for _, run in self.runs for name in run.task_names))


@frozen
class TaskRuns:
    """The runs that answered one task, one a checkpoint: (place, run, what it calls the task)."""

    task: str
    runs: tuple[tuple[int, Run, str], ...]
    notes: tuple[str, ...]


def lineage(store: Store, group: str, by: Axis = "step") -> Lineage:
    """The checkpoints of ``group`` that were evaluated; rescored runs do not stand for theirs.

    Raises:
        UnknownNameError: no run has this group. UsageError: none of them says how far its
            checkpoint was trained.
    """
    found = [run for run in store.select({"group": group}) if run.facts.kind != "rescore"]
    if not found:
        groups = sorted({run.facts.group for run in store.runs() if run.facts.group})
        known = f"groups are: {', '.join(groups)}" if groups else "`olmo-eval run --group NAME`"
        raise UnknownNameError(f"no run of group {group!r} in {store.location}", hint=known)
    placed, notes = [], []
    for run in found:
        place = run.facts.step if by == "step" else run.facts.tokens
        if run.status not in FINISHED:
            notes.append(f"{group}: run {run.run_id} is left out: it is {run.status}")
        elif place is None:
            notes.append(f"{group}: run {run.run_id} is left out: it has no {by}")
        else:
            placed.append((place, run))
    if not placed:
        why = "--step says it" if by == "step" else "tokens stand in the checkpoint's metadata"
        raise UsageError(f"no finished run of group {group!r} has a {by}", hint=f"of a run, {why}")
    placed.sort(key=lambda item: (item[0], item[1].facts.started))
    return Lineage(group, by, tuple(placed), tuple(notes))


def task_runs(line: Lineage, task: str, allow_different: Sequence[str] = ()) -> TaskRuns:
    """The newest run of each checkpoint that was asked ``task`` as the newest of all was.

    A run whose data, prompt, sampling or scoring differ from it does not measure the same thing: it
    is left out with a note that says what differs, unless ``allow_different`` names that input.
    """
    newest: dict[int, tuple[Run, str]] = {}
    notes: list[str] = []
    asked = [(p, run, same_task(run.task_names, task)) for p, run in line.runs]
    reference = next((run for _, run, name in reversed(asked) if name is not None), None)
    for place, run, name in asked:
        if name is None or reference is None:
            continue
        differing = _differing(reference, run, task, name, allow_different)
        if differing:
            notes.append(f"{task}: run {run.run_id} is left out: {differing}")
            continue
        if place in newest:
            other = newest[place][0].run_id
            notes.append(f"{task}: {line.axis} {place:,} is run {run.run_id}, newer than {other}")
        newest[place] = (run, name)
    rows = tuple((place, run, name) for place, (run, name) in sorted(newest.items()))
    return TaskRuns(task, rows, tuple(notes))


def _differing(reference: Run, run: Run, task: str, name: str, allowed: Sequence[str]) -> str:
    """In words what forbids comparing the two; empty where nothing does."""
    if run is reference:
        return ""
    called = same_task(reference.task_names, task) or task
    found = differing_inputs(reference.record, run.record, called, name)
    return "; ".join(d.sentence() for d in found if d.forbids and d.field not in allowed)


def primary_entry(run: Run, task: str) -> Mapping[str, object] | None:
    """The primary metric of a task as the run recorded it; None where it has none."""
    entry = run.task_record(task)
    return next((m for m in entry["metrics"] if m["key"] == entry["primary"]), None)
