"""How many questions, samples and dollars a stated effect takes, from what the store knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve, frozen

from olmo_eval.errors import DataError, UsageError
from olmo_eval.results.run import Run
from olmo_eval.results.sizing import TaskSize, measured_spread
from olmo_eval.results.statistics.planning import PairedSpread
from olmo_eval.results.statistics.power import ALPHA
from olmo_eval.results.store import Store
from olmo_eval.results.tracking.lineage import FINISHED
from olmo_eval.runner.earlier import earlier_name
from olmo_eval.runner.feed import selected
from olmo_eval.runner.forecast import DISCORDANCE, past_cost
from olmo_eval.runner.job import Job
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.record import run_record

#: runs that are looked at for a pair
_LOOKED_AT = 20


@frozen
class _Earlier:
    """A run that was asked the task as it is asked now, and what it calls it."""

    run: Run
    name: str


def sizes(job: Job, effect: float, power: float, against: str | None = None) -> list[TaskSize]:
    """What finding ``effect`` takes, task by task, in the order of the plan.

    The chance of a false finding, 5%, is shared out among the tasks, as `compare` does at worst
    (Holm). How much two checkpoints differ from question to question is measured on ``against``,
    or the newest run of each task in the store, and the newest of another model before it.

    Raises:
        UsageError: an effect or power that there is not, a baseline that was asked otherwise.
    """
    if not effect > 0 or not 0 < power < 1:
        raise UsageError(f"expected an effect above 0 and a power below 1: {effect}, {power}")
    record = run_record(job)
    store = Store(job.results)
    baseline = None if against is None else store.find(against)
    alpha = ALPHA / len(job.plan.tasks)
    runs = [r for r in store.runs() if r.status in FINISHED and r.facts.kind != "rescore"]
    runs.sort(key=lambda run: run.facts.started, reverse=True)
    made = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found = []
    for planned in job.plan.tasks:
        earlier = _earlier(runs, baseline, record, planned)
        told = _spread(planned, earlier)
        found.append(_size(job, record, planned, earlier, told, (effect, alpha, power, made)))
    return found


def _earlier(
    runs: Sequence[Run], baseline: Run | None, record: Mapping[str, Any], planned: PlannedTask
) -> list[_Earlier]:
    """The baseline, and runs that can be set against it, newest first."""
    found = []
    if baseline is not None:
        otherwise = "nothing can be planned against it"
        found.append(_Earlier(baseline, earlier_name(baseline, record, planned, otherwise)))
    with_task = [r for r in runs if planned.spec.name in {t for _, t in r.facts.tasks}]
    for run in with_task[:_LOOKED_AT]:
        try:
            one = _Earlier(run, earlier_name(run, record, planned, "it tells nothing"))
        except UsageError:  # asked otherwise: it says nothing of this task
            continue
        if baseline is None or run.run_id != baseline.run_id:
            found.append(one)
    return found


def _spread(planned: PlannedTask, earlier: Sequence[_Earlier]) -> tuple[PairedSpread, str]:
    """How much two checkpoints differ from question to question, and how that is known."""
    key = planned.primary_key
    if earlier:
        first = earlier[0]
        others = [o for o in earlier[1:] if o.run.facts.model != first.run.facts.model]
        others.sort(key=lambda o: o.run.facts.group != first.run.facts.group)  # stable: newest
        for other in others:
            try:
                found = measured_spread(other.run, first.run, other.name, first.name, key)
            except DataError:  # of a run whose tables are gone
                continue
            if found is not None and (found.variance or found.discordance):
                return found, f"runs {other.run.run_id} and {first.run.run_id}{_differing(found)}"
    if planned.task.config.primary().bounds == (0.0, 1.0):
        told = f"assumed: {DISCORDANCE:.0%} of the questions differ"
        return PairedSpread(DISCORDANCE, DISCORDANCE), told
    if not earlier:
        raise UsageError(
            f"{planned.name}: no run in the store says how much its scores vary",
            hint="run it once, with a --limit, and plan again",
        )
    score = next(s for s in earlier[0].run.scores() if s.primary and s.name == earlier[0].name)
    variance = score.n_scored * (score.stderr or 0.0) ** 2
    told = f"assumed: as the scores of run {earlier[0].run.run_id} do, half of them shared"
    return PairedSpread(variance), told


def _differing(spread: PairedSpread) -> str:
    shared = spread.discordance
    return "" if shared is None else f": {shared:.1%} of the questions differ"


def _size(
    job: Job,
    record: Mapping[str, Any],
    planned: PlannedTask,
    earlier: Sequence[_Earlier],
    told: tuple[PairedSpread, str],
    asked: tuple[float, float, float, str],
) -> TaskSize:
    effect, alpha, power, made = asked
    sampling = planned.task.config.sampling_params
    samples = sampling.num_samples
    spread, source = told
    spread = spread.with_samples(samples) or evolve(spread, samples=samples)
    whole = type(planned.task)(evolve(planned.task.config, limit=None))
    available = sum(1 for _ in selected(whole))
    needed = spread.questions(effect, alpha, power)
    enough = needed is not None and needed <= available
    n = needed if needed is not None and enough else available
    seconds, cost = past_cost([(e.run, e.name) for e in earlier])
    return TaskSize(
        task=planned.name,
        metric=planned.primary_key,
        model=job.model,
        request=record["lock"]["tasks"][planned.name]["request"],
        effect=effect,
        alpha=alpha,
        power=power,
        samples=samples,
        available=available,
        questions=needed,
        more_samples=None
        if enough or not sampling.temperature
        else spread.samples_for(available, effect, alpha, power),
        planned=n,
        planned_power=spread.power(n, effect, alpha),
        cost_usd=None if cost is None else cost * n,
        seconds=None if seconds is None else seconds * n,
        spread=spread,
        source=source,
        baseline=earlier[0].run.run_id if earlier else None,
        made=made,
    )
