"""Question biographies of a group: which questions were learned, when, and which forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs import evolve, frozen

from olmo_eval.errors import OlmoEvalError, UnknownNameError, UsageError
from olmo_eval.results.naming import spec_of
from olmo_eval.results.statistics.biographies import KINDS, Kind, biographies
from olmo_eval.results.store import Store
from olmo_eval.results.tracking.lineage import Axis, Lineage, lineage, primary_entry, task_runs
from olmo_eval.results.tracking.noise import NoiseFloor, NoiseFloors
from olmo_eval.results.tracking.questions import questions_of, texts_of

if TYPE_CHECKING:
    import pyarrow as pa


@frozen
class Biography:
    """One question over a run.

    ``at`` is the first checkpoint (step or tokens) after it was learned or forgotten, None for the
    other kinds; ``certainty`` the probability of the kind and, where it changed, of the change
    lying within one checkpoint of ``at``. ``history`` has a character a checkpoint: ``1`` right,
    ``0`` wrong, ``.`` not scored.
    """

    instance_id: str
    kind: Kind
    at: int | None
    certainty: float
    history: str
    question: str = ""

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


@frozen
class TaskBiographies:
    """The questions of one task, surest changes first.

    ``flip_rate`` is how often a checkpoint answers against a question's story: estimated from the
    run, and not below what repeats have measured (``noise_floor``).
    """

    group: str
    task: str
    metric: str
    axis: Axis
    places: tuple[int, ...]
    questions: tuple[Biography, ...]
    flip_rate: float
    noise_floor: NoiseFloor | None = None

    def counts(self) -> dict[Kind, int]:
        """How many questions have each kind of story."""
        found = Counter(q.kind for q in self.questions)
        return {kind: found[kind] for kind in KINDS}

    def to_dict(self) -> dict[str, Any]:
        floor = self.noise_floor
        return {
            "group": self.group,
            "task": self.task,
            "metric": self.metric,
            "axis": self.axis,
            "places": list(self.places),
            "counts": self.counts(),
            "flip_rate": self.flip_rate,
            "measured_flip_rate": None if floor is None else floor.flip_rate,
            "questions": [q.to_dict() for q in self.questions],
        }

    def to_arrow(self) -> pa.Table:
        """One row a question; ``instance_id`` joins it to the tables of instances."""
        import pyarrow as pa

        schema = pa.schema(
            [
                ("group", pa.string()),
                ("task", pa.string()),
                ("instance_id", pa.string()),
                ("biography", pa.string()),
                ("changed_at", pa.int64()),
                ("certainty", pa.float64()),
                ("history", pa.string()),
                ("question", pa.string()),
                ("flip_rate", pa.float64()),
            ]
        )
        rows = [
            {
                "group": self.group,
                "task": self.task,
                "instance_id": q.instance_id,
                "biography": q.kind,
                "changed_at": q.at,
                "certainty": q.certainty,
                "history": q.history,
                "question": q.question,
                "flip_rate": self.flip_rate,
            }
            for q in self.questions
        ]
        return pa.Table.from_pylist(rows, schema=schema)


def biographies_of(
    results: str,
    group: str,
    tasks: Sequence[str] = (),
    *,
    by: Axis = "step",
    allow_different: Sequence[str] = (),
) -> tuple[list[TaskBiographies], list[str]]:
    """The biographies of every task of ``group``, or of ``tasks`` (a suite stands for its members);
    and notes on what was left out.

    Raises:
        UnknownNameError: no run has the group or the task. UsageError: no task has questions that
            are right or wrong at two checkpoints.
    """
    line, floors = lineage(Store(results), group, by), NoiseFloors(results)
    names = _wanted(line, tasks)
    found, notes = [], list(line.notes)
    for name in names:
        made = _of_task(line, name, floors, allow_different, notes)
        found += [] if made is None else [made]
    if not found:
        raise UsageError(f"{group} has no biographies: {'; '.join(notes)}")
    return found, list(dict.fromkeys(notes))


def _wanted(line: Lineage, tasks: Sequence[str]) -> list[str]:
    names = line.task_names()
    suites = {node.name: node for _, run in line.runs for node in run.suites()}
    leaves = {leaf for task in tasks if task in suites for leaf in suites[task].leaves()}
    chosen = [n for n in names if not tasks or n in leaves or n in tasks or spec_of(n) in tasks]
    if not chosen:
        raise UnknownNameError(
            f"no run of {line.group} has {', '.join(tasks)}", hint=f"it has {', '.join(names)}"
        )
    return chosen


def _of_task(
    line: Lineage, name: str, floors: NoiseFloors, allowed: Sequence[str], notes: list[str]
) -> TaskBiographies | None:
    asked = task_runs(line, name, allowed)
    notes += asked.notes
    asked = evolve(asked, runs=tuple(r for r in asked.runs if _has_tables(r[1], r[2], notes)))
    if len(asked.runs) < 2:
        notes.append(f"{name}: one checkpoint has no history")
        return None
    newest, called = asked.runs[-1][1], asked.runs[-1][2]
    entry = primary_entry(newest, called)
    if entry is None or entry.get("computed"):
        notes.append(f"{name}: has no score for each question")
        return None
    questions = questions_of(asked, str(entry["key"]))
    if not questions.binary:
        notes.append(f"{name}: {entry['metric']} is neither right nor wrong, so nothing flips")
        return None
    floor = floors.of(called, *(run for _, run, _ in asked.runs))
    made = biographies(questions.scores, 0.0 if floor is None else floor.answer_flip_rate)
    places = tuple(place for place, _, _ in asked.runs)
    texts = texts_of(asked, questions.ids)
    rows = [
        Biography(
            instance_id,
            made.kinds[i],
            None if made.change[i] < 0 else places[made.change[i]],
            float(made.certainty[i]),
            "".join("." if v != v else f"{v:.0f}" for v in questions.scores[i]),
            texts.get(instance_id, ""),
        )
        for i, instance_id in enumerate(questions.ids)
    ]
    rows.sort(key=lambda b: (_ORDER.index(b.kind), -b.certainty))
    return TaskBiographies(
        line.group,
        name,
        str(entry["metric"]),
        line.axis,
        places,
        tuple(rows),
        made.flip_rate,
        floor,
    )


#: what one wants to see first
_ORDER: tuple[Kind, ...] = ("forgotten", "learned", "coin-flip", "never", "always")


def _has_tables(run: Any, name: str, notes: list[str]) -> bool:
    try:
        run.columns_of(name, "instance_id")
    except OlmoEvalError as error:
        notes.append(error.message)
        return False
    return True
