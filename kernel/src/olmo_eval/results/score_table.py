"""Scores of several runs beside each other: a row a task or suite, a column a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from attrs import asdict, frozen

from olmo_eval.common.figures import sparkline
from olmo_eval.common.sequences import items
from olmo_eval.errors import UnknownNameError
from olmo_eval.results.naming import same_task, spec_of
from olmo_eval.results.run import Run
from olmo_eval.results.store import Store
from olmo_eval.results.summary import Score
from olmo_eval.results.tracking.lineage import FINISHED, Lineage, task_runs


@frozen
class Cell:
    """A score, and the run it is of."""

    run: Run
    score: Score


@frozen
class ScoreRow:
    """One task or suite: a cell a checkpoint, None where no run of it has a comparable score."""

    name: str
    kind: str
    metric: str
    higher_is_better: bool
    cells: tuple[Cell | None, ...]

    def sparkline(self) -> str:
        """The row's scores as bars between the lowest and the highest."""
        return sparkline([None if cell is None else cell.score.value for cell in self.cells])


@frozen
class ScoreTable:
    """Suites and tasks of several runs by checkpoint, in the order of steps.

    ``models`` and ``steps`` say what each column is; a step is None where nobody knows it.
    ``notes`` says what was left out and why.
    """

    models: tuple[str, ...]
    steps: tuple[int | None, ...]
    rows: tuple[ScoreRow, ...]
    notes: tuple[str, ...]

    def titles(self) -> list[str]:
        """What columns are called: by steps where these tell them apart, else by models."""
        known = [step for step in self.steps if step is not None]
        if len(set(known)) == len(self.steps):
            return [f"step {step:,}" for step in known]
        return [model.rstrip("/").rpartition("/")[2] for model in self.models]

    def records(self) -> Iterator[dict[str, Any]]:
        """A flat record a score: the columns of ``SCHEMA``."""
        for row in self.rows:
            for i, cell in enumerate(row.cells):
                if cell is None:
                    continue
                known = asdict(cell.score)
                yield {
                    **{name: known[name] for name in _OF_SCORE},
                    "run_id": cell.run.run_id,
                    "model": self.models[i],
                    "step": self.steps[i],
                    "tokens": cell.run.facts.tokens,
                }

    def to_dict(self) -> dict[str, Any]:
        return {"scores": list(self.records()), "notes": list(self.notes)}


#: the columns of ``ScoreTable.records``
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("name", "kind", "metric")]
    + [("higher_is_better", pa.bool_())]
    + [(name, pa.float64()) for name in ("value", "stderr", "ci_low", "ci_high")]
    + [(name, pa.int64()) for name in ("n_scored", "n_expected")]
    + [("run_id", pa.string()), ("model", pa.string())]
    + [("step", pa.int64()), ("tokens", pa.int64())]
)
_OF_SCORE = SCHEMA.names[: SCHEMA.names.index("run_id")]


def score_table(
    store: Store,
    runs: Sequence[Run],
    tasks: Sequence[str] = (),
    *,
    allow_different: Sequence[str] = (),
) -> ScoreTable:
    """The primary scores of ``runs``, of all tasks and suites or of ``tasks``.

    Of several runs of one checkpoint the newest with a task stands for it. A run that was asked a
    task otherwise than the newest (other data, prompt, sampling, scoring) is left out of its row,
    with a note, unless ``allow_different`` names that input.

    Raises:
        UnknownNameError: none of the runs is finished, or has one of ``tasks``.
    """
    notes = [f"run {r.run_id} is left out: it is {r.status}" for r in runs if not _finished(r)]
    finished = [run for run in runs if _finished(run)]
    if not finished:
        raise UnknownNameError(
            "none of these runs is finished", hint="`olmo-eval results list` says how they stand"
        )
    models = _columns(finished)
    placed = sorted(
        ((models.index(run.model), run) for run in finished),
        key=lambda item: (item[0], item[1].facts.started),
    )
    line = Lineage("", "step", tuple(placed), ())  # a column's number stands for its step
    scores = {run: {s.name: s for s in run.scores() if s.primary} for run in finished}
    reader = _Reader(line, scores, len(models), tuple(allow_different))
    rows = reader.rows(items(tasks))
    steps = {run.model: run.facts.step for run in finished if run.facts.step is not None}
    return ScoreTable(
        tuple(models),
        tuple(steps.get(model) for model in models),
        tuple(rows),
        (*notes, *dict.fromkeys(reader.notes)),
    )


def _finished(run: Run) -> bool:
    return run.status in FINISHED


def _columns(runs: Sequence[Run]) -> list[str]:
    """The models in the order of their steps, those without one last, as they were begun."""
    order: dict[str, tuple[bool, int, str]] = {}
    for run in runs:
        step = run.facts.step
        place = (step is None, step or 0, run.facts.started)
        order[run.model] = min(order.get(run.model, place), place)
    return sorted(order, key=lambda model: order[model])


class _Reader:
    """Reads the rows of a table."""

    def __init__(
        self,
        line: Lineage,
        scores: Mapping[Run, Mapping[str, Score]],
        width: int,
        allowed: tuple[str, ...],
    ) -> None:
        self.line, self.scores, self.width, self.allowed = line, scores, width, allowed
        self.notes: list[str] = []

    def rows(self, wanted: Sequence[str]) -> list[ScoreRow]:
        """Suites, then tasks; a suite that is wanted with its members.

        Raises:
            UnknownNameError: nothing is called like one of ``wanted``.
        """
        suites = self._suites()
        members = {leaf for name in suites if _wanted(name, wanted) for leaf in suites[name]}
        names = self.line.task_names()
        for name in wanted:
            if not any(_wanted(known, [name]) for known in (*suites, *names)):
                raise UnknownNameError(
                    f"none of these runs has {name}", hint=f"they have {', '.join(names)}"
                )
        made = [self._task(n) for n in names if n in members or _wanted(n, wanted)]
        tasks = {row.name: row for row in made if row is not None}
        found = [self._suite(n, suites[n], tasks) for n in suites if _wanted(n, wanted)]
        return [row for row in (*found, *tasks.values()) if row is not None]

    def _suites(self) -> dict[str, tuple[str, ...]]:
        """The members of every suite, as the newest run that has it says."""
        newest = sorted((run for _, run in self.line.runs), key=lambda run: run.facts.started)
        return {node.name: node.leaves() for run in newest for node in run.suites()}

    def _task(self, name: str) -> ScoreRow | None:
        asked = task_runs(self.line, name, self.allowed)
        self.notes += [note for note in asked.notes if "is left out" in note]
        cells: list[Cell | None] = [None] * self.width
        for place, run, called in asked.runs:
            self._note_others(name, place, run)
            score = self.scores[run].get(called)
            if score is None or score.value is None:
                self.notes.append(f"{name}: run {run.run_id} has no score")
                continue
            cells[place] = Cell(run, score)
            if not score.complete:
                self.notes.append(
                    f"{name}: in run {run.run_id} only {score.n_scored:,} of "
                    f"{score.n_expected:,} have a score"
                )
        return _row(name, cells)

    def _note_others(self, name: str, place: int, chosen: Run) -> None:
        """Say which runs of the checkpoint were made of another request and are not shown."""
        others = [
            run.run_id
            for at, run in self.line.runs
            if at == place
            and run.facts.identity != chosen.facts.identity
            and same_task(run.task_names, name)
        ]
        if others:
            self.notes.append(
                f"{name}: run {chosen.run_id} is the newest of {chosen.model}; not shown: "
                f"{', '.join(others)}"
            )

    def _suite(
        self, name: str, leaves: Sequence[str], tasks: Mapping[str, ScoreRow]
    ) -> ScoreRow | None:
        """A suite at those checkpoints of which each member's score is in its row."""
        cells: list[Cell | None] = [None] * self.width
        for place, run in self.line.runs:  # the newest last
            score = self.scores[run].get(name)
            if score is None or score.value is None:
                continue
            own = [leaf for node in run.suites() if node.name == name for leaf in node.leaves()]
            shown = [tasks[leaf].cells[place] for leaf in own if leaf in tasks]
            if set(own) == set(leaves) and len(shown) == len(own) and None not in shown:
                cells[place] = Cell(run, score)
            else:
                self.notes.append(
                    f"{name}: run {run.run_id} is left out: its members are not all comparable"
                )
        return _row(name, cells)


def _row(name: str, cells: Sequence[Cell | None]) -> ScoreRow | None:
    known = [cell for cell in cells if cell is not None]
    if not known:
        return None
    score = known[-1].score
    return ScoreRow(name, score.kind, score.metric, score.higher_is_better, tuple(cells))


def _wanted(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name in wanted or spec_of(name) in wanted
