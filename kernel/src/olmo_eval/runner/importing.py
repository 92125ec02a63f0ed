"""A run of another program, kept as a run of the store with a lock that says where it is from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.sequences import items
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.common.types import Outcome, Response, SamplingParams
from olmo_eval.errors import DataError, UsageError
from olmo_eval.interchange.imported import (
    ImportedInstance,
    ImportedMetric,
    ImportedRun,
    ImportedTask,
)
from olmo_eval.registry import Owner
from olmo_eval.results import journal
from olmo_eval.results.finalize import TaskMeta
from olmo_eval.results.folder import RunFolder, new_run_id, now, runs_of
from olmo_eval.results.locking import run_lock, this_host
from olmo_eval.results.places import Places
from olmo_eval.results.record import answer_record, request_hash, request_row, score_record
from olmo_eval.results.redact import Redactor
from olmo_eval.results.remote_run import made_at
from olmo_eval.results.store import Run, open_run
from olmo_eval.results.tables import write_results
from olmo_eval.runner.import_record import import_record
from olmo_eval.runner.run import local_root, run_at_url

Tell = Callable[[str], None]


@frozen
class ImportOptions:
    """What the person who imports says of a run: where it goes, and what its log does not tell.

    ``lower_is_better`` names metrics, and ``primary`` the one that stands for the tasks that have
    it, as ``name`` or ``name:scorer``; ``fresh`` imports anew what was imported already.
    """

    results: str
    model: str | None = None
    step: int | None = None
    name: str | None = None
    group: str | None = None
    lower_is_better: tuple[str, ...] = field(default=(), converter=items)
    primary: str | None = None
    fresh: bool = False


@frozen
class Kept:
    """An imported run; ``known`` says that it had been imported before."""

    run: Run
    known: bool


def keep(
    imported: ImportedRun, importer: str, owner: Owner, options: ImportOptions, tell: Tell
) -> Kept:
    """Write an imported run into the store; one that is there already is left as it is.

    Raises:
        UsageError: an option names a metric that the run does not have. DataError: the log is
            malformed; nothing is left of the run. OlmoEvalError: the store cannot be written.
    """
    imported = _as_told(imported, options)
    record = import_record(imported, importer, owner, options.name)
    identity = record["identity"]
    root = local_root(options.results)
    with run_lock(root, identity, tell):
        known = _known(root, options, identity)
        if known is not None and not options.fresh:
            return Kept(known, True)
        folder = _new_folder(root, imported.model, identity)
        _write(imported, folder, record)
        if "://" not in options.results:
            return Kept(open_run(str(folder.path)), False)
        with made_at(options.results, folder, tell):
            pass  # it is published whole, or not at all
        return Kept(open_run(f"{options.results.rstrip('/')}/runs/{folder.run_id}"), False)


def _as_told(imported: ImportedRun, options: ImportOptions) -> ImportedRun:
    """The run with what the options say of it, and a direction for each metric."""
    names = [task.name for task in imported.tasks]
    if len(set(names)) < len(names):
        raise DataError(f"the log has two tasks of one name: {', '.join(sorted(names))}")
    known = {metric.name for task in imported.tasks for metric in task.metrics}
    known |= {metric.key for task in imported.tasks for metric in task.metrics}
    for name in (*options.lower_is_better, *([options.primary] if options.primary else [])):
        if name not in known:
            raise UsageError(
                f"the log has no metric {name!r}",
                hint=did_you_mean(name, known, otherwise=f"it has {', '.join(sorted(known))}"),
            )
    tasks = []
    for task in imported.tasks:
        metrics = [_directed(metric, options, imported) for metric in task.metrics]
        metrics.sort(key=lambda metric: options.primary not in (metric.name, metric.key))
        tasks.append(evolve(task, metrics=metrics))
    step = imported.step if options.step is None else options.step
    return evolve(
        imported,
        tasks=tasks,
        step=step,
        model=options.model or imported.model,
        group=options.group or imported.group,
    )


def _directed(
    metric: ImportedMetric, options: ImportOptions, imported: ImportedRun
) -> ImportedMetric:
    if {metric.name, metric.key} & set(options.lower_is_better):
        return evolve(metric, higher_is_better=False)
    if metric.higher_is_better is None:
        imported.losses.assume(
            f"the log does not say whether more of {metric.name} is better: it is taken to be; "
            f"--lower-is-better {metric.name} says that less is"
        )
        return evolve(metric, higher_is_better=True)
    return metric


def _known(root: Path, options: ImportOptions, identity: str) -> Run | None:
    """The run, where it was imported whole before."""
    if "://" in options.results:
        found = run_at_url(options.results, identity)
        return found if found is not None and found.status in _WHOLE else None
    for folder in reversed(runs_of(root, identity)):
        run = open_run(str(folder.path))
        if run.status in _WHOLE and not run.missing_tables():
            return run
    return None


_WHOLE = ("complete", "incomplete", "diverged")


def _new_folder(root: Path, model: str, identity: str) -> RunFolder:
    name = new_run_id(model, identity)
    unique, n = name, 2
    while (root / "runs" / unique).exists():
        unique, n = f"{name}-{n}", n + 1
    return RunFolder(root / "runs" / unique)


# -- the tables


def _write(imported: ImportedRun, folder: RunFolder, record: dict[str, Any]) -> None:
    redactor = Redactor()
    record = redactor.value({"run_id": folder.run_id, **record})
    moment = now()
    host = this_host(folder.path.parent.parent)
    record["sessions"] = [{"started": moment, "host": host, "argv": record["environment"]["argv"]}]
    record.update(status="running", started=imported.started or moment)
    folder.write_json(record)
    try:
        status = _write_tables(imported, folder, record, redactor)
    except BaseException:
        _remove(folder.path)
        raise
    record.update(status=status, finished=imported.finished or now())
    record["sessions"][0]["ended"] = now()
    record["imported_from"]["losses"] = imported.losses.lost
    record["imported_from"]["assumed"] = imported.losses.assumed
    if imported.error is not None:
        record["error"] = redactor.text(imported.error)
    folder.seal(record)
    folder.write_json(record)
    folder.drop_journal()


def _remove(folder: Path) -> None:
    """Nothing is left of a run whose log turned out to be malformed: it can be imported anew."""
    shutil.rmtree(folder, ignore_errors=True)


def _write_tables(
    imported: ImportedRun, folder: RunFolder, record: dict[str, Any], redactor: Redactor
) -> str:
    """Journal and tables; returns how the run stands."""
    places = Places(task.name for task in imported.tasks)
    expected: dict[str, int] = {}
    metas = []
    with _journal(folder, redactor) as log:
        for task in imported.tasks:
            scorers = dict.fromkeys(metric.scorer for metric in task.metrics)
            n = 0
            for pair in _records(task, scorers):
                n += 1
                for kept, offset in zip(pair, log.append(*pair), strict=True):
                    places.put(kept, offset)
            expected[task.name] = max(n, task.n_expected or 0)
            metas.append(_meta(task, tuple(scorers)))
        log.sync()
    scores = write_results(folder, record, metas, [], expected, places)
    whole = imported.complete and all(score.complete for score in scores)
    return "complete" if whole else "incomplete"


@contextmanager
def _journal(folder: RunFolder, redactor: Redactor) -> Iterator[journal.Journal]:
    log = journal.Journal(folder.journal, redactor.line)
    try:
        yield log
    finally:
        log.close()


def _records(
    task: ImportedTask, scorers: dict[str, None]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The records of each instance, its answer and its score; ``scorers`` gets the name of every
    scorer that gave a number."""
    seen: set[str] = set()
    keys = {metric.key for metric in task.metrics}
    for position, one in enumerate(task.instances()):
        response = _told_missing(one, task.metrics[0].key)
        if response.instance_id in seen:
            raise DataError(f"{task.name}: two instances have the id {response.instance_id!r}")
        seen.add(response.instance_id)
        _refuse_unknown(task, one, keys)
        scorers.update(dict.fromkeys(response.scores))
        row = request_row(response.request)
        answer = answer_record(
            response.instance,
            instance_id=response.instance_id,
            position=position,
            request=row,
            request_hash=request_hash(row, SamplingParams()),
            outputs=response.outputs,
            latency=response.latency,
        )
        evidence = one.evidence or [{} for _ in response.outputs]
        score = score_record(response, evidence, one.values, one.weights)
        yield {"task": task.name, **answer}, {"task": task.name, **score}


def _told_missing(one: ImportedInstance, primary: str) -> Response:
    """The response; where the metric that stands for the task has no value, it says that."""
    response = one.response
    if response.error is not None or one.values.get(primary, 0.0) is not None:
        return response
    return evolve(
        response, outcome=Outcome.SCORER_FAILED, error=f"the log has no value of {primary}"
    )


def _refuse_unknown(task: ImportedTask, one: ImportedInstance, keys: Collection[str]) -> None:
    strange = [key for key in (*one.values, *one.weights) if key not in keys]
    if strange:
        raise DataError(
            f"{task.name}: instance {one.response.instance_id!r} has a value of {strange[0]!r}, "
            "which is none of the task's metrics"
        )


def _meta(task: ImportedTask, scorers: tuple[str, ...]) -> TaskMeta:
    reported = {m.key: m.reported for m in task.metrics if m.reported is not None}
    metrics = tuple(map(_metric, task.metrics))
    return TaskMeta(task.name, metrics, scorers, task.metrics[0].key, reported)


def _metric(told: ImportedMetric) -> Metric:
    """The metric as the tables know metrics."""
    scorer = type("ImportedScorer", (Scorer,), {"name": told.scorer})()
    settings: Mapping[str, Any] = {
        "higher_is_better": bool(told.higher_is_better),
        "binary": told.binary,
        "weighted": told.weighted,
        "transform": told.transform,
        "bounds": told.bounds,
    }
    made: Metric = type("ImportedMetric", (Metric,), dict(settings))(scorer=scorer, name=told.name)
    return made
