"""What another scorer would have said of everything a store has recorded, asking no model.

The scorer's numbers of recorded outputs are computed anew, instance by instance, and the metric of
each task from them. An instance *flips* where its value is another one then; a verdict flips where
a comparison of two neighbouring runs ends otherwise.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from attrs import field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.common.metrics.accuracy import aggregate_samples
from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest, Outcome, RequestType, Response
from olmo_eval.common.types.scores import SampleScores
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.faults import reason
from olmo_eval.results.columns import FloatArray
from olmo_eval.results.compare import paired_verdict
from olmo_eval.results.pairing import pair_values, question_values
from olmo_eval.results.record import Row, scored_outputs
from olmo_eval.results.run import Run
from olmo_eval.results.statistics.verdict import adjust
from olmo_eval.runner.recorded import made_again, recorded_settings

#: flipped instances that are named
_NAMED = 5
_CLOSE = 1e-9
#: what a metric of texts never looks at
_REQUEST = LMRequest(RequestType.COMPLETION, prompt="")
#: how runs stand whose tables are read
_ENDED = ("complete", "incomplete", "diverged")
#: what of a table's instance a scorer may look at
_INSTANCE = ("instance_id", "question", "gold", "choices", "metadata")


@frozen
class TaskHistory:
    """One task of one run, as recorded and as the other scorer has it.

    Of ``n`` instances with a value, ``gained`` have a higher one (in the direction of the metric)
    and ``lost`` a lower one; ``flipped`` names some of them. ``failed`` are those on which the
    scorer failed, ``unlike`` those whose recorded number the present scorer does not give for the
    recorded output, so that nobody can say what changed it; both keep their recorded values.
    """

    run: Run
    task: str
    metric: str
    n: int
    before: float | None
    after: float | None
    gained: int
    lost: int
    failed: int
    unlike: int
    flipped: Sequence[str]
    problem: str
    columns: _Columns = field(repr=False, eq=False)

    def to_dict(self) -> dict[str, Any]:
        model = self.run.record["model"]
        return {
            "run_id": self.run.run_id, "model": self.run.model, "step": model.get("step"),
            "group": self.run.facts.group or None, "task": self.task, "metric": self.metric,
            "n": self.n, "before": self.before, "after": self.after, "gained": self.gained,
            "lost": self.lost, "failed": self.failed, "unlike": self.unlike,
            "flipped": list(self.flipped), "problem": self.problem or None,
        }  # fmt: skip


@frozen
class FlippedVerdict:
    """A comparison of two neighbouring runs that ends otherwise with the other scorer."""

    a: Run
    b: Run
    task: str
    before: str
    after: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "a": self.a.run_id, "b": self.b.run_id, "task": self.task,
            "before": self.before, "after": self.after,
        }  # fmt: skip


@frozen
class History:
    """What another scorer changes in a store: ``tasks`` were scored anew, ``left_out`` says of
    runs and tasks why they were not; of ``verdicts`` between neighbours, ``flipped`` change."""

    tasks: Sequence[TaskHistory]
    left_out: Sequence[str]
    verdicts: int
    flipped: Sequence[FlippedVerdict]

    def to_dict(self) -> dict[str, Any]:
        return {
            "instances": sum(one.n for one in self.tasks),
            "tasks": [one.to_dict() for one in self.tasks],
            "left_out": list(self.left_out),
            "verdicts": self.verdicts,
            "flipped_verdicts": [one.to_dict() for one in self.flipped],
        }


@frozen
class _Columns:
    """A task's values as recorded and as the other scorer has them, in the order of the table."""

    entry: Mapping[str, Any]
    ids: Any
    clusters: Any
    weights: FloatArray
    before: FloatArray
    after: FloatArray


def rescore_history(
    runs: Iterable[Run],
    scorer: Scorer,
    replaced: str | None = None,
    task: str | None = None,
    tell: Callable[[str, int], None] = lambda name, done: None,
) -> History:
    """Score what ``runs`` have recorded with ``scorer``, in the place of the one called
    ``replaced`` (by default the one of the same name).

    Tasks are those with a metric by that scorer; ``task`` names one of them. Raises:
        UsageError: the scorer asks models or runs code; or no task of the runs uses ``replaced``.
    """
    if isinstance(scorer, AsyncScorer) or scorer.requires:
        raise UsageError(
            f"scorer {scorer.name!r} asks a model or runs code, which history is not scored with",
            hint="`olmo-eval rescore RUN` does that, a run at a time",
        )
    name = replaced or scorer.name
    tasks: list[TaskHistory] = []
    left_out: list[str] = []
    used: set[str] = set()
    for run in runs:
        if run.status not in _ENDED:
            left_out.append(f"{run.run_id}: it is {run.status}")
            continue
        for entry in run.record["tasks"]:
            used |= {told["scorer"] for told in entry["metrics"]}
            told = _metric_of(entry, name)
            if told is None or (task is not None and task not in (entry["name"], entry["task"])):
                continue
            if told.get("computed"):
                left_out.append(f"{run.run_id} {entry['name']}: {told['key']} is no mean")
                continue
            try:
                tasks.append(_Rescoring(run, entry, told, scorer, tell).done())
            except OlmoEvalError as error:
                left_out.append(f"{run.run_id} {entry['name']}: {error.message}")
    if not tasks and not left_out:
        known = ", ".join(sorted(used)) or "none"
        raise UsageError(
            f"no task of these runs is scored by {name!r}",
            hint=f"--in-place-of names the scorer that it would replace: {known}",
        )
    compared = list(_neighbours(tasks))
    return History(tasks, left_out, len(compared), [one for one in map(_flipped, compared) if one])


def _metric_of(entry: Mapping[str, Any], scorer: str) -> Mapping[str, Any] | None:
    """The metric of a task by a scorer: the primary one where that is."""
    metrics = sorted(entry["metrics"], key=lambda told: told["key"] != entry["primary"])
    return next((told for told in metrics if told["scorer"] == scorer), None)


# -- one task of one run


class _Rescoring:
    """One task being scored anew."""

    def __init__(
        self,
        run: Run,
        entry: Mapping[str, Any],
        told: Mapping[str, Any],
        scorer: Scorer,
        tell: Callable[[str, int], None],
    ) -> None:
        self.run, self.entry, self.told, self.new, self.tell = run, entry, told, scorer, tell
        if RequestType(entry.get("request_type") or "completion").scored:
            raise UsageError("its scorer reads log-probabilities: `olmo-eval rescore` does that")
        settings = recorded_settings(entry, told)
        self.old = made_again(settings["scorer"], Scorer)
        # the scorer as it is now cannot say what its earlier code gave
        self.controlled = self.old is not None and type(self.old) is not type(scorer)
        metric = made_again({**settings, "scorer": scorer}, Metric)
        if metric is None:
            raise UsageError(f"its metric {told['key']} cannot be loaded here")
        self.metric: Metric = metric
        self.how = entry.get("config", {}).get("output_score_aggregation", "mean")
        self.failed = self.unlike = 0
        self.problem = ""

    def done(self) -> TaskHistory:
        key, name = self.told["key"], self.entry["name"]
        ids, before, weights, clusters = question_values(self.run, name, key)
        after = before.copy()
        for number, (scores, row) in enumerate(self._rows(name)):
            if number % 5_000 == 0:
                self.tell(f"{self.run.run_id} {name}", number)
            if scores and not np.isnan(before[number]):
                after[number] = self._value(row, scores, float(before[number]))
        better = after - before if self.told["higher_is_better"] else before - after
        changed = np.flatnonzero(np.abs(after - before) > _CLOSE)
        columns = _Columns(self.told, ids, clusters, weights, before, after)
        return TaskHistory(
            self.run, name, key, int((~np.isnan(before)).sum()),
            self._score(before, weights), self._score(after, weights),
            int((better > _CLOSE).sum()), int((better < -_CLOSE).sum()),
            self.failed, self.unlike,
            [ids[int(i)].as_py() for i in changed[:_NAMED]], self.problem, columns,
        )  # fmt: skip

    def _rows(self, name: str) -> Iterator[tuple[list[float], dict[str, Any]]]:
        """What the replaced scorer gave, and the row that it gave it for."""
        scorer = self.told["scorer"]
        columns = [*_INSTANCE, f"scores.{scorer}", "outputs"]
        for row in self.run.rows(name, columns=columns):
            yield (row["scores"] or {}).get(scorer) or [], row

    def _value(self, row: Row, recorded: Sequence[float], before: float) -> float:
        """The instance's value by the other scorer; the recorded one where nobody can say."""
        outputs = scored_outputs(row)
        found = list(self._found(row, outputs, recorded, before))
        if not found:
            self.failed += 1
            return before
        same = [value for _, value in found if abs(value - before) <= _CLOSE]
        if len(same) == len(found) or (same and not self.controlled):
            return before
        for instance, value in found:
            if self._reproduced(instance, outputs, recorded):
                return value
        self.unlike += 1
        return before

    def _found(
        self,
        row: Mapping[str, Any],
        outputs: tuple[LMOutput, ...],
        recorded: Sequence[float],
        before: float,
    ) -> Iterator[tuple[Instance, float]]:
        """The value that the other scorer gives each reading of a row, where it gives one; that of
        the numbers that were recorded is known."""
        for instance in _readings(row):
            try:
                numbers = [float(self.new.score(instance, output)) for output in outputs]
                if numbers == recorded:
                    yield instance, before
                    continue
                value = self._metric_value(row, instance, outputs, numbers)
            except Exception as error:
                self.problem = self.problem or reason(error)
                continue
            if value is not None and not np.isnan(value):
                yield instance, value

    def _reproduced(
        self, instance: Instance, outputs: Sequence[LMOutput], recorded: Sequence[float]
    ) -> bool:
        """Whether the replaced scorer gives what it gave, so that the change is the new one's."""
        if not self.controlled or self.old is None:
            return True
        try:
            again = [float(self.old.score(instance, output)) for output in outputs]
        except Exception:
            return False
        pairs = zip(again, recorded, strict=False)
        return len(again) == len(recorded) and all(abs(x - y) <= _CLOSE for x, y in pairs)

    def _metric_value(
        self,
        row: Mapping[str, Any],
        instance: Instance,
        outputs: tuple[LMOutput, ...],
        found: Sequence[float],
    ) -> float | None:
        summed = SampleScores(tuple(found), lambda each: aggregate_samples(each, self.how))
        scores: Mapping[str, Any] = {self.new.name: summed}
        return self.metric.value(
            Response(row["instance_id"], instance, _REQUEST, outputs, scores, Outcome.SCORED)
        )

    def _score(self, values: FloatArray, weights: FloatArray) -> float | None:
        present = ~np.isnan(values)
        if not present.any():
            return None
        mean = float((values * weights)[present].sum() / weights[present].sum())
        return math.exp(mean) if self.told.get("transform") == "exp" else mean


def _readings(row: Mapping[str, Any]) -> Iterator[Instance]:
    """The instance of a row. Tables keep gold answers that are no text as JSON, so that a text that
    looks like JSON may have been either: first as what it looks like, then as the text."""
    metadata = orjson.loads(row["metadata"]) if row["metadata"] else {}
    choices = None if row["choices"] is None else tuple(row["choices"])
    gold = row["gold"]
    if gold is not None and gold[:1] in ("[", "{"):
        with contextlib.suppress(ValueError):
            yield Instance(row["question"], orjson.loads(gold), choices, metadata)
    yield Instance(row["question"], gold, choices, metadata)


# -- comparisons


def _neighbours(tasks: Sequence[TaskHistory]) -> Iterator[tuple[TaskHistory, TaskHistory]]:
    """Pairs of runs that a person would compare: of one group and task, one after the other."""

    def place(one: TaskHistory) -> tuple[Any, ...]:
        step = one.run.facts.step
        return (-1 if step is None else step, one.run.facts.started)

    def family(one: TaskHistory) -> tuple[str, str, str]:
        return one.run.facts.group, one.task, one.metric

    for _, members in itertools.groupby(sorted(tasks, key=family), key=family):
        yield from itertools.pairwise(sorted(members, key=place))


def _flipped(pair: tuple[TaskHistory, TaskHistory]) -> FlippedVerdict | None:
    a, b = pair
    kinds = []
    for name in ("before", "after"):
        found = pair_values(
            *((c.ids, getattr(c, name), c.weights, c.clusters) for c in (a.columns, b.columns))
        )
        if not len(found.a):
            return None
        (verdict,) = adjust([paired_verdict(found, a.columns.entry)])
        kinds.append(str(verdict.kind))
    return None if kinds[0] == kinds[1] else FlippedVerdict(a.run, b.run, a.task, *kinds)
