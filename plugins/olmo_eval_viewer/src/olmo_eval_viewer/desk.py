"""What the pages share while the viewer runs: the store, and what was read and compared already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results.baseline import Choice, choose_baseline, previous_of, previous_run
from olmo_eval.results.compare import compare
from olmo_eval.results.notes import Note, Notes
from olmo_eval.results.store import Run, Store
from olmo_eval.results.tracking.histories import Histories, histories_of
from olmo_eval.results.tracking.lineage import Axis, lineage, task_runs
from olmo_eval_viewer.kept import Kept
from olmo_eval_viewer.questions import Pair, Pairing

if TYPE_CHECKING:
    from olmo_eval.results import Comparison, Matrix, TaskBiographies, Tracks
    from olmo_eval.results.difficulty import Difficulty, PartDifficulty
    from olmo_eval.results.why import Why

#: how many of each kind of thing are kept; pairs, which are large, are kept by their bytes
_KEPT = 64
_KEPT_HISTORIES = 8
_KEPT_TRACKS = 4
#: bytes of paired questions that are kept
_KEPT_BYTES = 120 << 20
_FINISHED = frozenset({"complete", "incomplete"})


class Desk:
    """The store that is looked at, which pages call ``name``. Everything is read when it is first
    asked for.

    A finished run does not change, so what was read of it stays; a run that is written anew has
    another ``finished`` time, which is part of every key.
    """

    def __init__(self, results: str, name: str = "") -> None:
        self.results = results
        self.name = name or results
        self.store = Store(results)
        self._comparisons = Kept(_KEPT)
        self._histories = Kept(_KEPT_HISTORIES)
        self._tracks = Kept(_KEPT_TRACKS)
        self._biographies = Kept(_KEPT_TRACKS)
        self._matrices = Kept(_KEPT_TRACKS)
        self._difficulties = Kept(_KEPT_TRACKS)
        self._parts = Kept(_KEPT)
        self._whys = Kept(_KEPT)
        self.notes = Notes(results)
        self._pairing = Pairing(_KEPT_BYTES)
        self._opened: dict[str, Run] = {}

    def open(self, reference: str) -> Run:
        """The run that the command line names, which may lie anywhere; pages find it by its id.

        Raises:
            UnknownNameError, UsageError, DataError: as ``Store.find``.
        """
        run = self.store.find(reference)
        if run.location.rpartition("/runs/")[0] != self.store.location:
            self._opened[run.run_id] = run
        return run

    def run(self, reference: str) -> Run:
        """The run that a page's address names.

        Only runs of this store and those that the command line named: an address must not read
        folders elsewhere.

        Raises:
            UnknownNameError: there is none. UsageError: there are several.
        """
        return self._opened.get(reference) or self.store.find_here(reference)

    def previous(self, run: Run) -> Run | None:
        return previous_run(self.store, run)

    def baseline(self, run: Run, choice: Choice) -> Run:
        """The run to compare with: the checkpoint before, the best of the others, or the one that
        `olmo-eval baseline set` pinned.

        Raises:
            UsageError: there is none.
        """
        if choice == "previous":
            before = self.previous(run)
            if before is not None:
                return before
        return choose_baseline(self.store, run, choice).run

    def newest_pair(self) -> list[Run]:
        """The newest finished run and the one before it, baseline first; nothing where there is
        no such pair."""
        runs = [run for run in self.store.runs() if run.facts.status in _FINISHED]
        for run in sorted(runs[-10:], key=_progress, reverse=True):
            before = previous_of(run, runs)
            if before is not None:
                return [before, run]
        return []

    def comparison(self, a: Run, b: Run, allow: tuple[str, ...] = ()) -> Comparison:
        """The comparison that `olmo-eval compare` prints.

        Raises:
            OlmoEvalError: as ``compare``.
        """
        key = (_stamp(a), _stamp(b), allow)
        return self._comparisons.get(
            key, lambda: compare(a, b, results=self.results, allow_different=allow)
        )

    def pair(self, a: Run, b: Run, task: str, task_b: str) -> Pair:
        """The paired questions of a task, to be asked for pages of them."""
        steady = lambda: (self.histories(a, task), self.histories(b, task_b))  # noqa: E731
        return self._pairing.get((_stamp(a), _stamp(b), task), a, b, task, task_b, steady)

    def histories(self, run: Run, task: str) -> Histories | None:
        """What became of the task's questions over the group of the run; None where it is in no
        group of checkpoints, or where its tables cannot be read."""
        members = self.store.select({"group": run.facts.group}) if run.facts.group else []
        key = (tuple(map(_stamp, members)), run.facts.group, task)

        def make() -> Histories | None:
            try:
                return histories_of(self.store, run, task)
            except OlmoEvalError:
                return None

        return self._histories.get(key, make)

    def tracks(self, groups: tuple[str, ...], by: Axis) -> Tracks:
        """The scores of groups over their checkpoints, as `olmo-eval track` has them.

        Raises:
            UnknownNameError: no run has a group. UsageError: no run has a ``by``.
        """
        from olmo_eval.results import track

        members = tuple(_stamp(r) for g in groups for r in self.store.select({"group": g}))
        return self._tracks.get(
            (members, groups, by), lambda: track(self.results, list(groups), by=by)
        )

    def biographies(self, group: str, by: Axis) -> tuple[list[TaskBiographies], list[str]]:
        """The biographies of a group's questions, and notes.

        Raises:
            UnknownNameError: no run has the group. UsageError: nothing has a history.
        """
        from olmo_eval.results import biographies_of

        members = tuple(map(_stamp, self.store.select({"group": group})))
        return self._biographies.get(
            (members, group, by), lambda: biographies_of(self.results, group, by=by)
        )

    def checkpoints(self, group: str, task: str) -> dict[int, str]:
        """The runs that stand for a group's checkpoints in a task, by step."""
        asked = task_runs(lineage(self.store, group), task)
        return {place: run.run_id for place, run, _ in asked.runs}

    def difficulty(self, runs: list[Run], task: str) -> Difficulty:
        """The task's questions over the runs: which all solve, and which none does.

        Raises:
            UsageError: no run has scores of the task.
        """
        key = (tuple(map(_stamp, runs)), task)
        from olmo_eval.results.difficulty import difficulty

        return self._difficulties.get(key, lambda: difficulty(runs, task))

    def parts(self, found: Difficulty, key: str) -> list[PartDifficulty]:
        """The questions of a task divided by a key of their metadata."""
        from olmo_eval.results.difficulty import parts

        return self._parts.get((_key(found), key), lambda: parts(found, key))

    def part(self, found: Difficulty, key: str, value: str) -> npt.NDArray[np.bool_]:
        """Which of a task's questions have ``value`` under a key of their metadata."""

        def read() -> tuple[dict[str, int], npt.NDArray[np.int32]]:
            from olmo_eval.results.divided import metadata_values

            names: dict[str, int] = {}
            return names, metadata_values(*found.runs[-1], key, names)

        names, codes = self._parts.get((_key(found), "values", key), read)
        return np.asarray(codes == names.get(value, -2))

    def part_keys(self, found: Difficulty) -> list[str]:
        """The keys of metadata by which the questions of a task can be divided."""
        from olmo_eval.results.difficulty import part_keys

        return self._parts.get((_key(found), None), lambda: part_keys(found))

    def why(self, run: Run, task: str, metric: str | None, instance: str | None) -> Why:
        """The walk of `olmo-eval why`.

        Raises:
            UnknownNameError: the run has no such task, metric or instance.
        """
        from olmo_eval.results.why import why

        key = (_stamp(run), task, metric, instance)
        return self._whys.get(key, lambda: why(run, task, metric, instance))

    def notes_of(self, run: Run, task: str) -> dict[str, Note]:
        """What people said of the task's questions, by instance."""
        return self.notes.of(plain_task(run, task))

    def matrix(self, runs: list[Run]) -> Matrix:
        """Every pair of the runs, compared; adjusted as one family.

        Raises:
            UsageError: two of them cannot be compared.
        """
        from olmo_eval.results import compare_many

        key = tuple(map(_stamp, runs))
        return self._matrices.get(key, lambda: compare_many(runs, results=self.results))


def _key(found: Difficulty) -> tuple[object, ...]:
    return (found.task, *(_stamp(run) for run, _ in found.runs))


def plain_task(run: Run, task: str) -> str:
    """What a run calls a task, without its variants."""
    return dict(run.facts.tasks).get(task, task)


def _progress(run: Run) -> tuple[int, str]:
    return (-1 if run.facts.step is None else run.facts.step, run.facts.started)


def _stamp(run: Run) -> tuple[str, str]:
    return run.location, run.facts.finished
