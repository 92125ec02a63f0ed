"""Scores over the checkpoints of training runs: trend, noise, signal, and alarms with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from olmo_eval.errors import OlmoEvalError, UnknownNameError, UsageError
from olmo_eval.results.compare import paired_verdict
from olmo_eval.results.naming import spec_of
from olmo_eval.results.run import Run
from olmo_eval.results.statistics import (
    Alarm,
    SignalToNoise,
    Trend,
    Verdict,
    adjust,
    alarm,
    signal_to_noise,
    trend,
)
from olmo_eval.results.store import Store
from olmo_eval.results.summary import Score
from olmo_eval.results.tracking.lineage import Axis, Lineage, TaskRuns, lineage, task_runs
from olmo_eval.results.tracking.noise import NoiseFloor, NoiseFloors
from olmo_eval.results.tracking.questions import Questions, questions_of

#: checkpoints whose spread is a run's noise, where the run has twice as many
LAST = 10


@frozen
class Moved:
    """A question that scored worse than at the checkpoint before; ``noise`` says that its score
    also differs between repeats of one of the two models."""

    instance_id: str
    before: float
    after: float
    noise: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "instance_id": self.instance_id,
            "before": self.before,
            "after": self.after,
            "noise": self.noise,
        }


@frozen
class TrackPoint:
    """One checkpoint of a track: its score and how it stands to those before it.

    ``change`` is the paired verdict against the checkpoint before, Holm-adjusted over the track;
    ``alarm`` is None before four earlier checkpoints; ``moved`` names the questions of one that was
    raised.
    """

    at: int
    run_id: str
    model: str
    score: Score
    change: Verdict | None = None
    alarm: Alarm | None = None
    moved: tuple[Moved, ...] = ()

    @property
    def alarmed(self) -> bool:
        return self.alarm is not None and self.alarm.raised

    def to_dict(self) -> dict[str, Any]:
        score = self.score
        return {
            "at": self.at,
            "run_id": self.run_id,
            "model": self.model,
            "value": score.value,
            "stderr": score.stderr,
            "ci_low": score.ci_low,
            "ci_high": score.ci_high,
            "n_scored": score.n_scored,
            "n_expected": score.n_expected,
            "change": None if self.change is None else self.change.to_dict(),
            "alarm": None if self.alarm is None else self.alarm.to_dict(),
            "moved": [m.to_dict() for m in self.moved],
        }


@frozen
class Track:
    """One task or suite over the checkpoints of one group.

    ``signal`` sets the range of the track's checkpoints against the spread of its last ones; None
    where they are too few. ``trend`` is the slope a step (or token).
    """

    group: str
    name: str
    kind: str
    metric: str
    higher_is_better: bool
    points: tuple[TrackPoint, ...]
    trend: Trend | None
    signal: SignalToNoise | None
    noise_floor: NoiseFloor | None = None

    @property
    def alarms(self) -> tuple[TrackPoint, ...]:
        return tuple(point for point in self.points if point.alarmed)

    def to_dict(self) -> dict[str, Any]:
        floor = self.noise_floor
        return {
            "group": self.group,
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "trend": None if self.trend is None else self.trend.to_dict(),
            "signal_to_noise": None if self.signal is None else self.signal.to_dict(),
            "noise_floor": None if floor is None else floor.to_dict(),
            "points": [point.to_dict() for point in self.points],
        }


@frozen
class Tracks:
    """Tasks and suites over the checkpoints of one or several groups, group by group.

    ``between`` is the signal between the groups' newest checkpoints against the noise within the
    groups, by task; only where there are several. ``notes`` says what was left out and why.
    """

    axis: Axis
    groups: tuple[str, ...]
    tracks: tuple[Track, ...]
    between: Mapping[str, SignalToNoise]
    alpha: float
    notes: tuple[str, ...]

    def names(self) -> list[str]:
        """Every task and suite, in order."""
        return list(dict.fromkeys(t.name for t in self.tracks))

    def of(self, name: str) -> list[Track]:
        """The tracks of one task or suite, one a group that has it."""
        return [t for t in self.tracks if t.name == name]

    @property
    def looked_at(self) -> int:
        """How many checkpoints could have raised an alarm."""
        return sum(p.alarm is not None for t in self.tracks for p in t.points)

    def to_dict(self) -> dict[str, Any]:
        return {
            "axis": self.axis,
            "groups": list(self.groups),
            "alpha": self.alpha,
            "tracks": [t.to_dict() for t in self.tracks],
            "signal_between_groups": {name: s.to_dict() for name, s in self.between.items()},
            "notes": list(self.notes),
        }


def track(
    results: str,
    groups: Sequence[str],
    tasks: Sequence[str] = (),
    *,
    by: Axis = "step",
    alpha: float = 0.01,
    window: int = 10,
    allow_different: Sequence[str] = (),
) -> Tracks:
    """The scores of ``groups`` over their checkpoints; of all tasks and suites, or of ``tasks``.

    An alarm is raised at ``alpha`` where a checkpoint falls below what the ``window`` checkpoints
    before it allow.

    Raises:
        UnknownNameError: no run has a group or task. UsageError: no run has a ``by``.
    """
    if not groups:
        raise UsageError("track needs a group", hint="--group NAME, as given to `olmo-eval run`")
    store, floors = Store(results), NoiseFloors(results)
    lines = [lineage(store, group, by) for group in dict.fromkeys(groups)]
    notes = [note for line in lines for note in line.notes]
    tracks: list[Track] = []
    for line in lines:
        reader = _Reader(line, floors, alpha, window, tuple(allow_different))
        tracks += reader.tracks(tasks)
        notes += reader.notes
    if tasks and not tracks:
        known = list(dict.fromkeys(name for line in lines for name in line.task_names()))
        raise UnknownNameError(
            f"no run of {', '.join(groups)} has {', '.join(tasks)}",
            hint=f"it has {', '.join(known)}",
        )
    between = {} if len(lines) < 2 else _between(tracks)
    names = tuple(line.group for line in lines)
    return Tracks(by, names, tuple(tracks), between, alpha, tuple(dict.fromkeys(notes)))


class _Reader:
    """Reads the tracks of one group."""

    def __init__(
        self,
        line: Lineage,
        floors: NoiseFloors,
        alpha: float,
        window: int,
        allowed: tuple[str, ...],
    ) -> None:
        self.line, self.floors, self.alpha, self.window = line, floors, alpha, window
        self.allowed = allowed
        self.notes: list[str] = []
        self._scores: dict[str, dict[str, Score]] = {}
        self._questions: dict[str, _TaskQuestions] = {}

    def tracks(self, wanted: Sequence[str]) -> list[Track]:
        """The wanted tasks and suites, a suite with its members; without ``wanted`` all."""
        members = _members(self.line)
        names = {leaf for suite in members if _is_wanted(suite, wanted) for leaf in members[suite]}
        tasks = [
            n for n in self._unique(self.line.task_names()) if n in names or _is_wanted(n, wanted)
        ]
        found = [made for name in tasks if (made := self._task(name)) is not None]
        for name, leaves in members.items():
            if _is_wanted(name, wanted):
                made = self._suite(name, leaves, {t.name: t for t in found})
                found += [made] if made is not None else []
        return found

    def _unique(self, names: Sequence[str]) -> list[str]:
        """Names of which no two are the same task with other overrides, the newest kept."""
        newest = self.line.runs[-1][1].task_names
        return [n for n in names if n in newest or spec_of(n) not in map(spec_of, newest)]

    def _task(self, name: str) -> Track | None:
        asked = task_runs(self.line, name, self.allowed)
        self.notes += asked.notes
        scored = [(p, r, n, s) for p, r, n in asked.runs if (s := self._score(r, n)) is not None]
        if not scored:
            self.notes.append(f"{self.line.group}: {name} has no score")
            return None
        asked = evolve(asked, runs=tuple((p, r, n) for p, r, n, _ in scored))
        points = [TrackPoint(p, r.run_id, r.model, s) for p, r, _, s in scored]
        newest, called = asked.runs[-1][1], asked.runs[-1][2]
        floor = self.floors.of(called, *(run for _, run, _ in asked.runs))
        entry = _recorded(newest, called)
        questions = None if entry.get("computed") else questions_of(asked, entry["key"])
        if questions is not None:
            points = _changes(points, questions, entry)
        if questions is not None:
            self._questions[name] = _TaskQuestions(asked, questions, floor)
        points = self._alarms(points, floor)
        points = [evolve(p, moved=self._moved(name, p)) if p.alarmed else p for p in points]
        return self._made(name, points, floor)

    def _moved(self, task: str, point: TrackPoint) -> tuple[Moved, ...]:
        known = self._questions.get(task)
        return () if known is None else known.moved(point.at, point.score.higher_is_better)

    def _suite(self, name: str, leaves: Sequence[str], tasks: Mapping[str, Track]) -> Track | None:
        """A suite at those checkpoints of which each member's score is in its track."""
        kept = {leaf: {p.run_id for p in tasks[leaf].points} for leaf in leaves if leaf in tasks}
        points: dict[int, TrackPoint] = {}
        for place, run in self.line.runs:
            score = self._score(run, name)
            own = [leaf for node in run.suites() if node.name == name for leaf in node.leaves()]
            if score is None:
                continue
            if set(own) != set(leaves) or any(run.run_id not in kept.get(n, ()) for n in own):
                self.notes.append(
                    f"{name}: run {run.run_id} is left out: its members are not all comparable"
                )
                continue
            points[place] = TrackPoint(place, run.run_id, run.model, score)
        if not points:
            return None
        ordered = self._alarms([points[place] for place in sorted(points)], None)
        ordered = [
            evolve(p, moved=tuple(m for n in leaves for m in self._moved_in(n, p)))
            if p.alarmed
            else p
            for p in ordered
        ]
        return self._made(name, ordered, None)

    def _moved_in(self, member: str, point: TrackPoint) -> list[Moved]:
        """What moved in a suite's member, each question with its task."""
        return [
            evolve(m, instance_id=f"{member}/{m.instance_id}") for m in self._moved(member, point)
        ]

    def _score(self, run: Run, name: str) -> Score | None:
        if run.run_id not in self._scores:
            try:
                rows = run.scores()
            except OlmoEvalError as error:
                self.notes.append(f"{self.line.group}: {error.message}")
                rows = []
            self._scores[run.run_id] = {s.name: s for s in rows if s.primary}
        score = self._scores[run.run_id].get(name)
        return None if score is None or score.value is None else score

    def _alarms(self, points: Sequence[TrackPoint], floor: NoiseFloor | None) -> list[TrackPoint]:
        places = [p.at for p in points]
        values = [p.score.value or 0.0 for p in points]
        marked = []
        for i, point in enumerate(points):
            # a score of n questions moves by no less than one of them
            least = 1 / point.score.n_scored if point.score.n_scored else 0.0
            raised = alarm(
                places[: i + 1],
                values[: i + 1],
                point.score.higher_is_better,
                self.window,
                self.alpha,
                max(least, 0.0 if floor is None else floor.score_sd),
            )
            marked.append(evolve(point, alarm=raised))
        return marked

    def _made(self, name: str, points: Sequence[TrackPoint], floor: NoiseFloor | None) -> Track:
        values = [p.score.value or 0.0 for p in points]
        line = trend([p.at for p in points], values) if len(points) > 1 else None
        score = points[-1].score
        return Track(
            self.line.group,
            name,
            score.kind,
            score.metric,
            score.higher_is_better,
            tuple(points),
            line,
            signal_of([values], [values]),
            floor,
        )


def signal_of(
    models: Sequence[Sequence[float]], runs: Sequence[Sequence[float]]
) -> SignalToNoise | None:
    """Signal between ``models`` (all their scores, pooled) against the noise of the last
    checkpoints of ``runs``: `LAST` of them, or half of the shortest run. None where a run has fewer
    than 4 checkpoints, or where a mean of 0 leaves no relative size."""
    scores = np.concatenate([np.asarray(m, dtype=np.float64) for m in models])
    shortest = min((len(run) for run in runs), default=0)
    if shortest < 4 or len(scores) < 2 or not scores.mean():
        return None
    last = min(LAST, shortest // 2)
    if any(not np.mean(run[-last:]) for run in runs):
        return None
    return signal_to_noise(scores, runs, last=last)


def _between(tracks: Sequence[Track]) -> dict[str, SignalToNoise]:
    """The signal between groups of each task that several have."""
    found = {}
    for name in dict.fromkeys(t.name for t in tracks):
        same = [[p.score.value or 0.0 for p in t.points] for t in tracks if t.name == name]
        signal = signal_of([run[-1:] for run in same], same) if len(same) > 1 else None
        if signal is not None:
            found[name] = signal
    return found


def _changes(
    points: Sequence[TrackPoint], questions: Questions, entry: Mapping[str, Any]
) -> list[TrackPoint]:
    """Each point with its paired verdict against the one before, adjusted over the track."""
    verdicts: dict[int, Verdict] = {}
    for i in range(1, len(points)):
        pair = questions.pair(i - 1, i)
        if len(pair.a):
            verdicts[i] = paired_verdict(pair, entry)
    adjusted = dict(zip(verdicts, adjust(list(verdicts.values())), strict=True))
    return [evolve(point, change=adjusted.get(i)) for i, point in enumerate(points)]


@frozen(eq=False)
class _TaskQuestions:
    """The questions of a track, and which runs answered them."""

    asked: TaskRuns
    questions: Questions
    floor: NoiseFloor | None

    def moved(self, at: int, higher_is_better: bool) -> tuple[Moved, ...]:
        """The questions that scored worse at the checkpoint ``at`` than before, largest first."""
        places = [place for place, _, _ in self.asked.runs]
        i = places.index(at)
        if i == 0:
            return ()
        gain = self.questions.scores[:, i] - self.questions.scores[:, i - 1]
        loss = -gain if higher_is_better else gain
        worse = np.flatnonzero(loss > 0)
        order = worse[np.argsort(-loss[worse], kind="stable")]
        floor = self.floor
        own = floor is not None and any(floor.is_of(self.asked.runs[j][1]) for j in (i - 1, i))
        noisy = set(floor.flipped) if floor is not None and own else set()
        return tuple(self._moved(row, i, noisy) for row in order.tolist())

    def _moved(self, row: int, i: int, noisy: set[str]) -> Moved:
        before, after = self.questions.scores[row, i - 1], self.questions.scores[row, i]
        name = self.questions.ids[row]
        return Moved(name, float(before), float(after), name in noisy)


def _members(line: Lineage) -> dict[str, list[str]]:
    """The tasks of every suite, as the newest run that has it says."""
    found: dict[str, list[str]] = {}
    for _, run in reversed(line.runs):
        for node in run.suites():
            found.setdefault(node.name, list(node.leaves()))
    return found


def _recorded(run: Run, task: str) -> dict[str, Any]:
    entry = run.task_record(task)
    return dict(next(m for m in entry["metrics"] if m["key"] == entry["primary"]))


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name in wanted or spec_of(name) in wanted
