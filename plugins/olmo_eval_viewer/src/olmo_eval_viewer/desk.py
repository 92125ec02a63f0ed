"""What the pages share while the viewer runs: the store, and what was read and compared already."""

from __future__ import annotations

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results import (
    Comparison,
    Matrix,
    Run,
    Store,
    TaskBiographies,
    Tracks,
    biographies_of,
    compare_many,
    track,
)
from olmo_eval.results.baseline import previous_of, previous_run
from olmo_eval.results.compare import compare
from olmo_eval.results.tracking.histories import Histories, histories_of
from olmo_eval.results.tracking.lineage import Axis, lineage, task_runs
from olmo_eval_viewer.kept import Kept
from olmo_eval_viewer.questions import Pair, Pairing

#: how many of each kind of thing are kept; pairs, which are large, are kept by their bytes
_KEPT = 64
_KEPT_HISTORIES = 8
_KEPT_TRACKS = 4
#: bytes of paired questions that are kept
_KEPT_BYTES = 120 << 20
_FINISHED = frozenset({"complete", "incomplete"})


class Desk:
    """The store that is looked at. Everything is read when it is first asked for.

    A finished run does not change, so what was read of it stays; a run that is written anew has
    another ``finished`` time, which is part of every key.
    """

    def __init__(self, results: str) -> None:
        self.results = results
        self.store = Store(results)
        self._comparisons = Kept(_KEPT)
        self._histories = Kept(_KEPT_HISTORIES)
        self._tracks = Kept(_KEPT_TRACKS)
        self._biographies = Kept(_KEPT_TRACKS)
        self._matrices = Kept(_KEPT_TRACKS)
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
        members = tuple(_stamp(r) for g in groups for r in self.store.select({"group": g}))
        return self._tracks.get(
            (members, groups, by), lambda: track(self.results, list(groups), by=by)
        )

    def biographies(self, group: str, by: Axis) -> tuple[list[TaskBiographies], list[str]]:
        """The biographies of a group's questions, and notes.

        Raises:
            UnknownNameError: no run has the group. UsageError: nothing has a history.
        """
        members = tuple(map(_stamp, self.store.select({"group": group})))
        return self._biographies.get(
            (members, group, by), lambda: biographies_of(self.results, group, by=by)
        )

    def checkpoints(self, group: str, task: str) -> dict[int, str]:
        """The runs that stand for a group's checkpoints in a task, by step."""
        asked = task_runs(lineage(self.store, group), task)
        return {place: run.run_id for place, run, _ in asked.runs}

    def matrix(self, runs: list[Run]) -> Matrix:
        """Every pair of the runs, compared; adjusted as one family.

        Raises:
            UsageError: two of them cannot be compared.
        """
        key = tuple(map(_stamp, runs))
        return self._matrices.get(key, lambda: compare_many(runs, results=self.results))


def _progress(run: Run) -> tuple[int, str]:
    return (-1 if run.facts.step is None else run.facts.step, run.facts.started)


def _stamp(run: Run) -> tuple[str, str]:
    return run.location, run.facts.finished
