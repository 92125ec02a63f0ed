"""One run, from its plan to its tables: started, resumed, interrupted, finished."""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import anyio
from attrs import field, frozen

import olmo_eval
from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.common.types import Response
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.results import journal, schema
from olmo_eval.results.finalize import TaskMeta
from olmo_eval.results.folder import RunFolder, held, new_run_id, now, runs_of
from olmo_eval.results.redact import Redactor
from olmo_eval.results.tables import write_results
from olmo_eval.runner.environment import environment
from olmo_eval.runner.feed import Feed
from olmo_eval.runner.lock import digest, harness_lock, model_lock, task_hash, task_lock
from olmo_eval.runner.pipeline import Pipeline, most_telling
from olmo_eval.runner.plan import Plan, PlannedTask
from olmo_eval.runner.progress import Progress

#: outcomes that are tried again when a run is resumed
_RETRIED = frozenset({"infra_failed", "judge_failed"})


@frozen
class Job:
    """One run to make: one model, under one harness, on a plan of tasks.

    ``results`` is a folder or a URL (``s3://``, ``gs://``); ``fresh`` starts anew instead of
    resuming; ``step`` and ``tokens`` say how far the checkpoint was trained.
    """

    model: str
    harness: HarnessConfig
    plan: Plan
    results: str = "results"
    name: str | None = None
    group: str | None = None
    fresh: bool = False
    reuse: bool = True
    step: int | None = None
    tokens: int | None = None
    notes: Mapping[str, Any] = field(factory=dict)
    inspect: tuple[str, ...] = ()


class Interrupted(OlmoEvalError):
    """The run was stopped by Ctrl-C; everything finished is kept (exit 130)."""

    exit_code = 130


def execute(job: Job, progress: Progress) -> Path | str:
    """Make the run; returns where its results are.

    Raises:
        UsageError: it is refused before anything is loaded. Interrupted: Ctrl-C. OlmoEvalError:
            it failed; what is finished is kept, and the same command resumes.
    """
    refuse_impossible(job)
    return anyio.run(_execute, job, progress)


def refuse_impossible(job: Job) -> None:
    """Raise what speaks against the run, before anything is loaded."""
    reasons = Harness.refusals(job.harness, job.plan.needs(), job.plan.scoring_needs())
    for planned in job.plan.tasks:
        missing = [s for s in planned.task.config.required_secrets if not _set(s)]
        reasons += [f"task {planned.name!r} needs the environment variable {s}" for s in missing]
    if reasons:
        first, *others = reasons
        more = f" ({len(others)} more: {'; '.join(others)})" if others else ""
        raise UsageError(f"{first}{more}")


def _set(name: str) -> bool:
    import os

    return bool(os.environ.get(name))


async def _execute(job: Job, progress: Progress) -> Path | str:
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        harness = await stack.enter_async_context(Harness(job.harness))
        record = _record(job, harness, time.perf_counter() - began)
        identity = record["identity"]
        with ExitStack() as local:
            root = _local_root(job.results, local)
            local.enter_context(held(root, identity, progress.message))
            folder = _choose(root, job, identity)
            known = folder.read_json()
            if known is not None and known["status"] == "complete":
                progress.message(f"run {folder.run_id} is complete; --fresh makes it anew")
                return folder.path
            run = _Run(job, harness, folder, record, progress)
            await run.make(known)
            return _published(folder, job.results)


def _local_root(results: str, stack: ExitStack) -> Path:
    """The local folder to write to: the results folder itself, or a place to stage a URL's."""
    if "://" not in results:
        return Path(results)
    name = digest(results)
    return Path(tempfile.gettempdir()) / "olmo-eval-staging" / name


def _published(folder: RunFolder, results: str) -> Path | str:
    if "://" not in results:
        return folder.path
    from olmo_eval.results.store import publish

    return publish(folder.path, results)


def _choose(root: Path, job: Job, identity: str) -> RunFolder:
    """The run to go on with, else a new one."""
    earlier = runs_of(root, identity)
    if earlier and not job.fresh:
        return earlier[-1]
    name = new_run_id(job.model, identity)
    taken = {run.run_id for run in earlier}
    unique, n = name, 2
    while unique in taken:
        unique, n = f"{name}-{n}", n + 1
    return RunFolder(root / "runs" / unique)


def _record(job: Job, harness: Harness, load_seconds: float) -> dict[str, Any]:
    """Everything of ``run.json`` that is known before the first request."""
    facts = {"fingerprint": digest([job.model, job.harness.provider.revision])}
    facts.update({k: v for k, v in harness.provider.describe().items() if v is not None})
    tasks = {planned.name: task_lock(planned) for planned in job.plan.tasks}
    lock = {
        "model": model_lock(job.harness, facts),
        "harness": harness_lock(job.harness),
        "tasks": {name: {"hash": task_hash(inputs), **inputs} for name, inputs in tasks.items()},
    }
    wanted = [job.name, job.group, digest(lock["model"]), digest(lock["harness"])]
    identity = digest([wanted, {name: entry["hash"] for name, entry in lock["tasks"].items()}])
    provider = to_json(job.harness.provider)
    return {
        "schema_version": schema.VERSION,
        "olmo_eval_version": olmo_eval.__version__,
        "identity": identity,
        "name": job.name,
        "group": job.group,
        "model": {
            "name": job.harness.provider.alias or job.model,
            "provider": job.harness.provider.kind,
            "step": job.step,
            "tokens": job.tokens,
            **facts,
            "settings": provider,
        },
        "harness": {**to_json(job.harness), "hash": digest(lock["harness"])},
        "tasks": [_task_record(p, lock["tasks"][p.name]["hash"]) for p in job.plan.tasks],
        "suites": [suite.to_dict() for suite in job.plan.suites],
        "plugins": provenance(job),
        "lock": lock,
        "environment": environment(),
        "load_seconds": load_seconds,
        **({"notes": dict(job.notes)} if job.notes else {}),
    }


def _task_record(planned: PlannedTask, hash_: str) -> dict[str, Any]:
    config = planned.task.config
    return {
        "name": planned.name,
        "task": planned.spec.name,
        "variants": list(planned.spec.variants),
        "overrides": [o.text for o in planned.overrides],
        "hash": hash_,
        "config": to_json(config),
        "primary": config.primary().key,
        "metrics": [
            {
                "key": m.key,
                "metric": m.metric_name,
                "scorer": m.scorer.name,
                "higher_is_better": m.higher_is_better,
                "binary": m.binary,
                "weighted": m.weighted,
                "transform": m.transform,
                "bounds": list(m.bounds),
            }
            for m in config.metrics
        ],
        "supplied_by": planned.owner.to_dict(),
    }


def provenance(job: Job) -> dict[str, Any]:
    """Who supplied each thing the run uses, by kind and name."""
    manager = plugins.manager()
    used: dict[str, set[str]] = {
        "providers": {job.harness.provider.kind or ""},
        "scaffolds": {job.harness.scaffold or ""},
        "sandboxes": {sandbox.backend for sandbox in job.harness.sandboxes},
        "tools": {t for t in job.harness.tools if isinstance(t, str)},
        "judges": {judge.kind for judge in job.harness.judges.values()},
        "harnesses": {job.harness.name},
    }
    found: dict[str, dict[str, Any]] = {}
    for kind, names in used.items():
        registry = manager.registry(kind)
        owned = {n: registry.entry(n).owner.to_dict() for n in sorted(names) if n in registry}
        if owned:
            found[kind] = owned
    found["tasks"] = {p.name: p.owner.to_dict() for p in job.plan.tasks}
    found["scorers"] = {
        s.name: manager.owner_of(type(s).__module__).to_dict()
        for p in job.plan.tasks
        for s in p.task.scorers_once
    }
    return found


class _Run:
    """A run being made: the sink of its pipeline, and the keeper of its record."""

    def __init__(
        self,
        job: Job,
        harness: Harness,
        folder: RunFolder,
        record: dict[str, Any],
        progress: Progress,
    ) -> None:
        self.job, self.harness, self.folder, self.progress = job, harness, folder, progress
        self.redactor = Redactor()
        self.redactor.learn(to_json(job.harness))
        self.record = self.redactor.value({"run_id": folder.run_id, **record})
        self.expected: dict[str, int] = {}
        self._done: Counter[str] = Counter()
        self._means: dict[str, _Mean] = {p.name: _Mean() for p in job.plan.tasks}
        self._manager = plugins.manager()
        self._watched = self._manager.observes("instance_scored")

    async def make(self, known: Mapping[str, Any] | None) -> None:
        """Evaluate what is not yet done, then write the tables."""
        began = time.perf_counter()
        sessions = list((known or {}).get("sessions", ()))
        sessions.append({"started": now(), "argv": self.record["environment"]["argv"]})
        self.record.update(
            status="running",
            started=(known or {}).get("started") or sessions[0]["started"],
            sessions=sessions,
        )
        self.folder.write_json(self.record)
        done = self._read_journal()
        self.journal = journal.Journal(self.folder.journal, self.redactor.line)
        self._notify("run_started", run=self.record)
        try:
            await self._evaluate(done)
            self._finish("complete", time.perf_counter() - began)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self.journal.close()

    def _read_journal(self) -> dict[str, set[str]]:
        """The ids of what is finished, by task; the rest of each record stays on disk."""
        done: dict[str, set[str]] = {planned.name: set() for planned in self.job.plan.tasks}
        for _, _, row in journal.read(self.folder.journal):
            if row is None or row.get("task") not in done:
                continue
            finished = done[row["task"]]
            if row["outcome"] in _RETRIED:
                finished.discard(row["instance_id"])
            else:
                finished.add(row["instance_id"])
        total = sum(map(len, done.values()))
        if total:
            self.progress.message(f"resuming {self.folder.run_id}: {total:,} instances are done")
        return done

    async def _evaluate(self, done: dict[str, set[str]]) -> None:
        feeds = [Feed(planned, done[planned.name]) for planned in self.job.plan.tasks]
        for planned in self.job.plan.tasks:
            self._done[planned.name] = len(done[planned.name])
        pipeline = Pipeline(self.harness, feeds, self)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen, pipeline, group.cancel_scope)
                try:
                    await pipeline.run()
                finally:
                    group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise most_telling(errors) from errors
        self.expected = {f.planned.name: f.expected or f.read for f in feeds}
        if pipeline.stopped:
            raise Interrupted(
                f"stopped; {sum(self._done.values()):,} instances are finished and kept",
                hint="rerun the same command to resume",
            )

    async def _listen(self, pipeline: Pipeline, scope: anyio.CancelScope) -> None:
        """First Ctrl-C: finish what is in flight. Second: stop at once."""
        try:
            receiver = anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM)
            context = receiver.__enter__()
        except (ValueError, NotImplementedError, RuntimeError):
            return  # not the main thread: signals belong to somebody else
        try:
            async for _ in context:
                if pipeline.stopped:
                    self.journal.sync()
                    raise Interrupted(
                        "stopped at once; what was finished is kept",
                        hint="rerun the same command to resume",
                    )
                pipeline.stop()
                self.progress.message("finishing what is in flight; Ctrl-C again stops at once")
        finally:
            receiver.__exit__(None, None, None)

    # -- the pipeline's sink

    def started(self, feed: Feed) -> None:
        name = feed.planned.name
        self.progress.task_started(name, feed.expected, self._done[name])

    def keep(self, planned: PlannedTask, row: dict[str, Any], response: Response) -> None:
        self.journal.append({"task": planned.name, **row})
        name = planned.name
        self._done[name] += 1
        value = row["values"].get(planned.primary_key)
        mean = self._means[name]
        if value is not None:
            mean.add(value, row["weights"].get(planned.primary_key, 1.0))
        self.progress.advanced(name, self._done[name], mean.value)
        if self._watched:
            self._notify("instance_scored", run_id=self.folder.run_id, task=name, response=response)

    def finished(self, feed: Feed) -> None:
        name = feed.planned.name
        self.journal.sync()
        self.progress.task_finished(name, self._done[name], self._means[name].value)

    # -- the end

    def _finish(self, status: str, seconds: float) -> None:
        tasks = [
            TaskMeta(p.name, p.task.config.metrics, tuple(s.name for s in p.task.scorers_once))
            for p in self.job.plan.tasks
        ]
        self.journal.sync()
        results = write_results(
            self.folder, self.record, tasks, self.job.plan.suites, self.expected
        )
        for planned in self.job.plan.tasks:
            scores = [s for s in results if s.kind == "task" and s.name == planned.name]
            values = {f"{s.metric}:{s.scorer}": s.value for s in scores}
            self._notify(
                "task_finished", run_id=self.folder.run_id, task=planned.name, metrics=values
            )
        missing = any(not score.complete for score in results)
        self._close_session("incomplete" if missing else status, seconds)
        if not missing:
            self.folder.drop_journal()
        self._notify("run_finished", run=self.record)

    def _fail(self, error: BaseException) -> None:
        status = "interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed"
        if isinstance(error, OlmoEvalError):
            self.record["error"] = self.redactor.text(error.message)
        try:
            self._close_session(status, None)
        except OlmoEvalError as unwritable:
            self.progress.message(unwritable.message)

    def _close_session(self, status: str, seconds: float | None) -> None:
        self.record["status"] = status
        self.record["finished"] = now()
        self.record["sessions"][-1].update(ended=self.record["finished"], seconds=seconds)
        self.folder.write_json(self.record)

    def _notify(self, hook: str, **arguments: Any) -> None:
        for failure in self._manager.notify(hook, **arguments):
            self.progress.message(
                f"plugin {failure.owner}: {failure.name} failed: {failure.reason}"
            )


class _Mean:
    """A running weighted mean."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float, weight: float) -> None:
        self._sum += value * weight
        self._weight += weight

    @property
    def value(self) -> float | None:
        return self._sum / self._weight if self._weight else None
