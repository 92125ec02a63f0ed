"""How a newly evaluated checkpoint stands: against the one before it, and against the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.errors import DataError, UsageError
from olmo_eval.results.compare import Comparison, TaskComparison, compare
from olmo_eval.results.naming import same_task
from olmo_eval.results.run import Run, open_run
from olmo_eval.results.summary import Score
from olmo_eval.watching.ledger import DONE, Entry


@frozen
class Against:
    """A task or suite against an earlier checkpoint."""

    entry: Entry
    row: TaskComparison

    def to_dict(self) -> dict[str, Any]:
        said = {"run_id": self.entry.run_id, "step": self.entry.step, "name": self.entry.name}
        return {**said, **self.row.to_dict()}


@frozen
class Stand:
    """The primary score of a task or suite, against the previous checkpoint and the best one.

    ``best`` is None where the previous checkpoint is the best.
    """

    score: Score
    previous: Against | None
    best: Against | None

    @property
    def worse(self) -> tuple[Against, ...]:
        """Those checkpoints than which it is worse."""
        return tuple(
            a for a in (self.previous, self.best) if a is not None and a.row.verdict.kind == "worse"
        )

    def to_dict(self) -> dict[str, Any]:
        score = self.score
        return {
            "name": score.name,
            "metric": score.metric,
            "value": score.value,
            "ci_low": score.ci_low,
            "ci_high": score.ci_high,
            "n_scored": score.n_scored,
            "n_expected": score.n_expected,
            "previous": None if self.previous is None else self.previous.to_dict(),
            "best": None if self.best is None else self.best.to_dict(),
        }


@frozen
class Standings:
    """All primary scores of a run; ``notes`` says what could not be compared, and why."""

    run: Run
    rows: tuple[Stand, ...]
    notes: tuple[str, ...]

    @property
    def regressed(self) -> tuple[Stand, ...]:
        return tuple(row for row in self.rows if row.worse)

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run.run_id,
            "location": self.run.location,
            "scores": [row.to_dict() for row in self.rows],
            "regressed": [row.score.name for row in self.regressed],
            "notes": list(self.notes),
        }


def standings(run: Run, step: int | None, entries: Iterable[Entry]) -> Standings:
    """How ``run``, of the checkpoint at ``step``, stands among the evaluated ``entries``.

    Raises:
        DataError: the run cannot be read.
    """
    notes: list[str] = []
    others = _opened(run, entries, notes)
    reached = -1 if step is None else step
    before = [(e, r) for e, r in others if e.step is not None and e.step < reached]
    previous = before[-1] if before else None
    scores = [score for score in run.scores() if score.primary]
    compared = _Compared(run, notes)
    rows = []
    for score in scores:
        best = _best(score, before)
        last = None if previous is None else compared.row(previous, score.name)
        top = None
        if best is not None and best[0] != (previous and previous[0]):
            top = compared.row(best, score.name)
        rows.append(Stand(score, last, top))
    return Standings(run, tuple(rows), tuple(dict.fromkeys(notes)))


class _Compared:
    """Comparisons of one run with others, each made once."""

    def __init__(self, run: Run, notes: list[str]) -> None:
        self._run, self._notes = run, notes
        self._known: dict[str, Comparison | None] = {}

    def row(self, other: tuple[Entry, Run], name: str) -> Against | None:
        entry, run = other
        if run.location not in self._known:
            self._known[run.location] = self._compare(run)
        found = self._known[run.location]
        row = next((r for r in found.rows if name in (r.name, r.name_b)), None) if found else None
        return None if row is None else Against(entry, row)

    def _compare(self, run: Run) -> Comparison | None:
        try:
            found = compare(run, self._run)
        except (UsageError, DataError) as error:
            self._notes.append(f"not compared with {run.run_id}: {error.message}")
            return None
        self._notes.extend(found.notes)
        return found


def _opened(run: Run, entries: Iterable[Entry], notes: list[str]) -> list[tuple[Entry, Run]]:
    """The evaluated checkpoints and their runs, in order of steps."""
    found = []
    for entry in entries:
        if entry.state != DONE or entry.location is None or entry.location == run.location:
            continue
        try:
            found.append((entry, open_run(entry.location)))
        except DataError as error:
            notes.append(f"{entry.name} is not compared: {error.message}")
    return sorted(found, key=lambda pair: (pair[0].step is None, pair[0].step or 0))


def _best(score: Score, others: Sequence[tuple[Entry, Run]]) -> tuple[Entry, Run] | None:
    """The earlier checkpoint with the best score of the same name."""
    scored = []
    for entry, run in others:
        names = [s.name for s in run.scores() if s.primary]
        called = same_task(names, score.name) or score.name
        value = next((s.value for s in run.scores() if s.primary and s.name == called), None)
        if value is not None:
            scored.append((value if score.higher_is_better else -value, entry, run))
    if not scored:
        return None
    _, entry, run = max(scored, key=lambda item: item[0])
    return entry, run
