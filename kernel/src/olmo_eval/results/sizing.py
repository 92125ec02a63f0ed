"""What finding a stated effect takes: questions, samples, money; kept, and set against runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
import orjson
from attrs import evolve, frozen

from olmo_eval.common.figures import counted
from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.results.baseline import previous_run
from olmo_eval.results.columns import FloatArray
from olmo_eval.results.compare import paired_verdict
from olmo_eval.results.markers import Markers
from olmo_eval.results.naming import same_task
from olmo_eval.results.pairing import pairs, primary_metric
from olmo_eval.results.run import Run
from olmo_eval.results.statistics.arrays import is_binary
from olmo_eval.results.statistics.planning import PairedSpread
from olmo_eval.results.statistics.samples import variance_components
from olmo_eval.results.store import Store
from olmo_eval.results.tracking.noise import NoiseFloors

#: shared questions below which nothing is told from a pair of runs
LEAST_SHARED = 30
_VERSION = 1
_FOLDER = "plans"


@frozen
class TaskSize:
    """What finding a difference of ``effect`` on a task takes.

    ``questions`` are needed at ``samples`` a question (None: out of reach), of ``available``;
    ``more_samples`` a question would do with all that are available (None: they would not, or
    nobody knows). A run of as many as there are, ``planned``, finds it with ``planned_power``,
    costs ``cost_usd`` and takes ``seconds`` (None: no earlier run tells). ``spread`` is what this
    rests on, measured as ``source`` says, against the run ``baseline``.
    """

    task: str
    metric: str
    model: str
    request: str
    effect: float
    alpha: float
    power: float
    samples: int
    available: int
    questions: int | None
    more_samples: int | None
    planned: int
    planned_power: float
    cost_usd: float | None
    seconds: float | None
    spread: PairedSpread
    source: str
    baseline: str | None
    made: str

    def to_dict(self) -> dict[str, Any]:
        return {"version": _VERSION, **attrs.asdict(self)}


@frozen
class PlanCheck:
    """How wrong a plan was, for the questions that the run was asked.

    ``power_planned`` is the chance to find the effect on ``n`` questions as planned, ``power`` by
    what the run and its baseline differ in (None: there is nothing to set it against). ``cost`` is
    what the ``asked`` questions cost, ``cost_planned`` what they should have.
    """

    plan: TaskSize
    n: int
    power_planned: float
    power: float | None
    baseline: str | None
    asked: int
    cost_planned: float | None
    cost: float | None

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)

    def sentence(self) -> str:
        """In a line, for people."""
        told = f"{self.plan.task}: to find {self.plan.effect:g} with {counted(self.n, 'question')}"
        if self.power is None:
            told += f", power {self.power_planned:.0%} was planned; no baseline to measure it by"
        else:
            off = 100 * (self.power - self.power_planned)
            told += (
                f", power {self.power_planned:.0%} was planned and is {self.power:.0%} by run "
                f"{self.baseline} ({off:+.0f} points)"
            )
        if self.cost_planned and self.cost is not None:
            told += (
                f"; {counted(self.asked, 'question')} asked: ${self.cost_planned:.2f} planned, "
                f"${self.cost:.2f} paid ({self.cost / self.cost_planned - 1:+.0%})"
            )
        return told


def measured_spread(a: Run, b: Run, name: str, name_b: str, key: str) -> PairedSpread | None:
    """How much the differences of two runs vary on the questions that they share; None where
    they share fewer than 30.

    Raises:
        DataError: a table cannot be read.
    """
    found = pairs(a, b, name, key, name_b)
    if len(found.a) < LEAST_SHARED:
        return None
    entry = next(m for m in a.task_record(name)["metrics"] if m["key"] == key)
    stderr = paired_verdict(found, entry).stderr or 0.0
    alone = found.clusters is None and not entry["weighted"]
    binary = alone and is_binary(found.a) and is_binary(found.b)
    discordance = float((found.a != found.b).mean()) if binary else None
    samples, within = _within(a, b, name, name_b, entry)
    return PairedSpread(len(found.a) * stderr**2, discordance, within, samples)


def _within(
    a: Run, b: Run, name: str, name_b: str, entry: Mapping[str, Any]
) -> tuple[int, float | None]:
    """Samples a question, and the variance of both models' answers to one question: from several
    samples, or from the noise floor of the task; None where there is neither."""
    drawn = [_samples(run, task, entry) for run, task in ((a, name), (b, name_b))]
    if all(one is not None and one.shape[1] > 1 for one in drawn):
        parts = [variance_components(one) for one in drawn if one is not None]
        return parts[0].samples, sum(part.within for part in parts)
    floor = NoiseFloors.beside(a).of(name, a, b)
    return 1, None if floor is None else 2 * floor.score_sd**2 * floor.n


def _samples(run: Run, task: str, entry: Mapping[str, Any]) -> FloatArray | None:
    """The scores of all samples of the questions (n, K), where their mean is the value; else
    None."""
    key = entry["key"]
    rows = run.instances(task, [f"scores.{entry['scorer']}", f"values.{key}"]).to_pylist()
    told = [
        (scores, row["values"][key])
        for row in rows
        if (scores := (row["scores"] or {}).get(entry["scorer"])) and row["values"][key] is not None
    ]
    sizes = {len(scores) for scores, _ in told}
    if len(sizes) != 1 or len(told) < 2 or any(None in scores for scores, _ in told):
        return None
    drawn = np.array([scores for scores, _ in told], dtype=np.float64)
    return drawn if np.allclose(drawn.mean(axis=1), [value for _, value in told]) else None


def keep_plan(results: str, plan: TaskSize) -> None:
    """Keep a plan in the store, in place of an earlier one of the same model, task and effect.

    Raises:
        DataError: the store cannot be written to.
    """
    content = orjson.dumps(plan.to_dict()).decode()
    Markers(results, _FOLDER).write(f"{_name(plan)}.json", content)


def plans(results: str) -> list[TaskSize]:
    """The plans that a store keeps, oldest first.

    Raises:
        DataError: one cannot be read.
    """
    kept = Markers(results, _FOLDER)
    found = [_read(kept.read(name), f"{results}/{_FOLDER}/{name}") for name in sorted(kept.names())]
    return sorted((one for one in found if one is not None), key=lambda plan: plan.made)


def check_plans(store: Store, run: Run) -> list[PlanCheck]:
    """How wrong the plans were that were made for the tasks of ``run`` before it began.

    Raises:
        DataError: a plan or a table cannot be read.
    """
    made = [plan for plan in plans(store.location) if plan.made <= run.facts.started]
    checked = []
    for name in run.task_names:
        request = _request(run, name)
        fitting = [p for p in made if p.request == request and same_task([name], p.task)]
        own = [p for p in fitting if p.model == run.model] or fitting
        newest = {plan.effect: plan for plan in own}
        checked += [_check(store, run, name, plan) for plan in newest.values()]
    return checked


def _check(store: Store, run: Run, name: str, plan: TaskSize) -> PlanCheck:
    table = run.instances(name, ["cost_usd", "reused", "outcome"])
    asked = [row for row in table.to_pylist() if not row["reused"]]
    costs = [row["cost_usd"] for row in asked if row["cost_usd"] is not None]
    each = None if plan.cost_usd is None else plan.cost_usd / plan.planned
    n = sum(s.n_scored for s in run.scores() if s.primary and s.name == name)
    baseline, spread = _against(store, run, name, plan)
    return PlanCheck(
        plan=plan,
        n=n,
        power_planned=plan.spread.power(n, plan.effect, plan.alpha) if n else 0.0,
        power=None if spread is None or not n else spread.power(n, plan.effect, plan.alpha),
        baseline=None if baseline is None else baseline.run_id,
        asked=len(asked),
        cost_planned=None if each is None else each * len(asked),
        cost=sum(costs) if costs else None,
    )


def _against(
    store: Store, run: Run, name: str, plan: TaskSize
) -> tuple[Run | None, PairedSpread | None]:
    """The baseline of the plan, or what came before the run, and how the two differ."""
    baseline = None
    if plan.baseline is not None and plan.baseline != run.run_id:
        try:
            baseline = store.find_here(plan.baseline)
        except OlmoEvalError:  # it is gone from the store
            baseline = None
    baseline = baseline or previous_run(store, run)
    called = None if baseline is None else same_task(baseline.task_names, name)
    if baseline is None or called is None:
        return None, None
    key = primary_metric(run, name)["key"]
    if key not in {m["key"] for m in baseline.task_record(called)["metrics"]}:
        return None, None
    return baseline, measured_spread(baseline, run, called, name, key)


def check_lines(checks: Iterable[PlanCheck]) -> list[str]:
    """The checks for people, a line each."""
    return [check.sentence() for check in checks]


def _request(run: Run, task: str) -> str:
    return str(run.record.get("lock", {}).get("tasks", {}).get(task, {}).get("request", ""))


def _name(plan: TaskSize) -> str:
    key = f"{plan.model}\0{plan.task}\0{plan.request}\0{plan.effect!r}".encode()
    return hashlib.blake2b(key, digest_size=12).hexdigest()


def _read(text: str | None, where: str) -> TaskSize | None:
    if text is None:
        return None
    hint = "remove it, and plan anew"
    try:
        data = orjson.loads(text)
        if not isinstance(data, dict) or data.pop("version", None) != _VERSION:
            raise DataError(f"{where} is not a plan of version {_VERSION}", hint=hint)
        return evolve(TaskSize(**data), spread=PairedSpread(**data["spread"]))
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{where} is not a plan: {error}", hint=hint) from error
