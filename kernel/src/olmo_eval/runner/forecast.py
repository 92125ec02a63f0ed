"""What a run would do: reuse, ask, cost; and what it could tell. Loads no model."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import asdict, evolve, frozen

from olmo_eval.common.figures import counted
from olmo_eval.common.types import LMRequest
from olmo_eval.errors import DataError
from olmo_eval.harness.runtime import Harness
from olmo_eval.results.answers import Answers, read_progress, runs_to_reuse
from olmo_eval.results.folder import runs_of
from olmo_eval.results.record import request_hash, request_row
from olmo_eval.results.remote_run import fetch_journal
from olmo_eval.results.statistics import paired_binary_mde
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.feed import selected
from olmo_eval.runner.job import Job
from olmo_eval.runner.pipeline import sampling
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.record import run_record
from olmo_eval.runner.run import run_at_url
from olmo_eval.runner.surroundings import Surroundings

#: bytes a token, about
_BYTES_PER_TOKEN = 4.0
#: share of questions on which two similar checkpoints typically differ
DISCORDANCE = 0.2


@frozen
class TaskForecast:
    """One task: ``instances`` = ``done`` + ``reused`` + ``asked``.

    - ``done``: finished by the run that would be resumed;
    - ``requests``: continuations scored or samples generated, among those asked;
    - ``prompt_tokens``: estimated; ``new_tokens``: at most;
    - ``seconds``, ``cost_usd``: from the newest past run of this model on this task, if any;
    - ``clusters``: independent groups of the instances, one each where they stand alone;
    - ``mde``: smallest difference between two checkpoints that ``instances`` paired questions
      detect (alpha 0.05, power 0.8) when ``DISCORDANCE`` of them are answered differently.
    """

    name: str
    instances: int
    done: int
    reused: int
    asked: int
    reason: str
    requests: int
    prompt_tokens: int
    new_tokens: int | None
    seconds: float | None
    cost_usd: float | None
    mde: float
    clusters: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def forecast(job: Job) -> tuple[str, list[TaskForecast]]:
    """What rerunning or starting the run would do, in one line, and task by task.

    Raises:
        OlmoEvalError: what the run itself would be refused for.
    """
    record = run_record(job)
    names = [planned.name for planned in job.plan.tasks]
    state, done = _done(job, record["identity"], names)
    runs = Store(job.results).runs()
    related = runs_to_reuse(runs, record, by_name=job.spec.reuse_by_name)
    index = Answers(lambda: related if job.reuse else [])
    harness = Harness(job.harness)
    others = {n for r in runs if r.model == job.model and r not in related for n in r.task_names}
    by_name = bool(runs_to_reuse(runs, record, by_name=True)) and not related
    tasks = [
        _task(planned, harness, done[planned.name], index, related, others)
        for planned in job.plan.tasks
    ]
    if by_name and job.reuse:
        told = "earlier runs share its name alone: see --reuse-by-name"
        tasks = [evolve(t, reason=told) if t.asked == t.instances else t for t in tasks]
    return state, tasks


def _done(job: Job, identity: str, names: Sequence[str]) -> tuple[str, dict[str, set[str] | None]]:
    """How the run that would be resumed stands, and the ids it has finished, by task; None says
    that all are."""
    nothing: dict[str, set[str] | None] = {name: set() for name in names}
    if job.spec.fresh:
        return "a new run", nothing
    with TemporaryDirectory() as temporary:
        if "://" in job.results:
            run = run_at_url(job.results, identity)
            if run is None:
                return "a new run", nothing
            run_id, status = run.run_id, run.facts.status
            journal = Path(temporary) / "records.jsonl"
            if status != "complete":
                fetch_journal(run.location, Path(temporary))
        else:
            earlier = runs_of(Path(job.results), identity)
            if not earlier:
                return "a new run", nothing
            run_id, journal = earlier[-1].run_id, earlier[-1].journal
            status = (earlier[-1].read_json() or {}).get("status", "begun")
        if status == "complete":
            return f"run {run_id} is complete: nothing would run", dict.fromkeys(names)
        return f"run {run_id} ({status}) would be resumed", _answered(journal, names)


def _answered(journal: Path, names: Sequence[str]) -> dict[str, set[str] | None]:
    """The ids of what a journal has answers to, scored or yet to be scored, by task."""
    found = read_progress([journal], names)
    for task, instance_id in found.unscored:
        found.done[task].add(instance_id)
    return {**found.done}


def _task(
    planned: PlannedTask,
    harness: Harness,
    done: set[str] | None,
    index: Answers,
    related: Sequence[Run],
    others: Container[str],
) -> TaskForecast:
    """``done`` are the ids of finished instances; None says that all are. ``others`` are tasks of
    runs that bear this model's name but cannot stand for it.
    """
    task, around = planned.task, Surroundings(harness, planned.task)
    instances = finished = reused = requests = n_bytes = new_tokens = 0
    clusters: set[tuple[bool, str]] = set()  # instances that stand alone are one each
    for name, instance in selected(task):
        cluster = instance.metadata.get("cluster")
        clusters.add((True, name) if cluster is None else (False, str(cluster)))
        if done is None or name in done:
            instances, finished = instances + 1, finished + 1
            continue
        request = harness.prepare(task.request_for(instance))
        params = sampling(planned, task.get_sampling_params(instance))
        row = request_row(request)
        instances += 1
        digest = request_hash(row, params, around.digest(instance))
        if index.has(planned.name, digest) and around.stands_alone:
            reused += 1
            continue
        requests += len(request.continuations) or params.num_samples
        n_bytes += _size(request)
        if not request.continuations:
            new_tokens += (params.max_tokens or 0) * params.num_samples
    asked = instances - finished - reused
    seconds, cost = past_cost([(r, planned.name) for r in related if planned.name in r.task_names])
    return TaskForecast(
        name=planned.name,
        instances=instances,
        done=finished,
        reused=reused,
        asked=asked,
        reason=_reason(instances, finished, reused, related, others, planned.name),
        requests=requests,
        prompt_tokens=round(n_bytes / _BYTES_PER_TOKEN),
        new_tokens=new_tokens or None,
        seconds=None if seconds is None else seconds * asked,
        cost_usd=None if cost is None else cost * asked,
        mde=paired_binary_mde(instances, DISCORDANCE),
        clusters=len(clusters),
    )


def _size(request: LMRequest) -> int:
    """The bytes of what a request shows to the model."""
    n_bytes = sum(len(c.encode()) for c in request.contexts()) or len(request.prompt.encode())
    n_bytes += sum(len(c.encode()) for c in request.continuations)
    return n_bytes + sum(len(str(m.get("content") or "").encode()) for m in request.messages)


def _reason(
    instances: int,
    done: int,
    reused: int,
    related: Sequence[Run],
    others: Container[str],
    name: str,
) -> str:
    if done:
        return f"{counted(done, 'instance is', 'instances are')} done"
    if reused == instances:
        return "every answer is known; only scoring"
    if reused:
        return f"{counted(reused, 'answer is', 'answers are')} known from earlier runs"
    if name in others and not any(name in run.task_names for run in related):
        return "earlier runs had other weights or settings"
    if not related:
        return "no earlier run of this model"
    if any(name in run.task_names for run in related):
        return "earlier runs asked otherwise"
    return "earlier runs of this model did not have it"


def past_cost(runs: Iterable[tuple[Run, str]]) -> tuple[float | None, float | None]:
    """(seconds, US dollars) an instance, of the first finished run that asked a model; each run
    comes with what it calls the task. None where none tells."""
    for run, name in runs:
        if run.facts.status != "complete":
            continue
        try:
            table = run.instances(name, ["latency", "cost_usd", "reused"]).to_pylist()
        except DataError:
            continue
        asked = [row for row in table if not row["reused"]]
        if not asked:
            continue
        concurrency = run.record.get("concurrency") or 1
        seconds = sum(row["latency"] or 0.0 for row in asked) / len(asked) / concurrency
        costs = [row["cost_usd"] for row in asked if row["cost_usd"] is not None]
        return seconds, sum(costs) / len(asked) if costs else None
    return None, None
