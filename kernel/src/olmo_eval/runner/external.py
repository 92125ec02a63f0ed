"""Running a benchmark that has its own runner, and recording it like any other run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pyarrow.parquet as pq

import olmo_eval
from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.common.overrides import Override
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import RunFailedError, UsageError
from olmo_eval.evals.external import ExternalContext, ExternalEval, ExternalEvalResult
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.results import schema
from olmo_eval.results.folder import RunFolder, new_run_id, now
from olmo_eval.results.record import gold_text
from olmo_eval.results.redact import Redactor
from olmo_eval.results.statistics import estimate
from olmo_eval.results.store import Run, open_run
from olmo_eval.results.summary import Score
from olmo_eval.results.tables import write_metrics
from olmo_eval.runner.environment import environment
from olmo_eval.runner.lock import digest, model_lock
from olmo_eval.runner.progress import Progress

_SCORER = "external"


def arguments_of(external: type[ExternalEval], given: Sequence[Override]) -> dict[str, Any]:
    """The eval's arguments with those given, each of the type of its default.

    Raises:
        UsageError: an argument it does not have, or a value of the wrong type.
    """
    values = {name: argument.default for name, argument in external.arguments.items()}
    for override in given:
        if override.key not in values:
            raise UsageError(
                f"external eval {external.name!r} has no argument {override.key!r}",
                hint=did_you_mean(
                    override.key, values, otherwise=f"it has: {', '.join(values) or 'none'}"
                ),
            )
        default = external.arguments[override.key].default
        value: Any = override.value
        if isinstance(default, str) and not isinstance(value, str):
            value = override.text.partition("=")[2]
        if isinstance(default, float) and isinstance(value, int):
            value = float(value)
        if default is not None and not isinstance(value, type(default)):
            raise UsageError(
                f"argument {override.text!r}: expected {type(default).__name__}, got {value!r}"
            )
        values[override.key] = value
    return values


def run_external(
    name: str,
    model: str,
    harness: HarnessConfig,
    arguments: Sequence[Override],
    *,
    results: str,
    group: str | None,
    run_name: str | None,
    progress: Progress,
) -> Run:
    """Run the external eval ``name`` on ``model``; its results land in the usual tables.

    Raises:
        UsageError: an unknown eval or argument. RunFailedError: it failed or ran out of time.
    """
    import os

    registry = plugins.manager().registry("external_evals")
    external: type[ExternalEval] = registry.get(name)
    values = arguments_of(external, arguments)
    missing = [s for s in external.required_secrets if not os.environ.get(s)]
    if missing:
        raise UsageError(f"external eval {name!r} needs {', '.join(missing)} in the environment")
    reasons = Harness.refusals(harness, {}, {})
    if reasons:
        raise UsageError(reasons[0])
    owner = registry.entry(name).owner.to_dict()
    record = {
        "schema_version": schema.VERSION,
        "olmo_eval_version": olmo_eval.__version__,
        "kind": "external",
        "name": run_name,
        "group": group,
        "harness": to_json(harness),
        "suites": [],
        "plugins": {"external_evals": {name: owner}},
        "environment": environment(),
    }
    folder = anyio.run(_execute, external, name, model, harness, values, results, record, progress)
    return open_run(str(folder))


async def _execute(
    external: type[ExternalEval],
    name: str,
    model: str,
    config: HarnessConfig,
    values: Mapping[str, Any],
    results: str,
    record: dict[str, Any],
    progress: Progress,
) -> Path:
    async with Harness(config) as harness:
        facts = {"fingerprint": digest(model), **harness.provider.describe()}
        lock = {"model": model_lock(config, facts), "external": {name: dict(values)}}
        identity = digest([lock, record["group"], record["name"], now()])
        folder = RunFolder(Path(results) / "runs" / new_run_id(model, identity))
        redactor = Redactor()
        redactor.learn(to_json(config))
        record.update(
            run_id=folder.run_id,
            identity=identity,
            status="running",
            started=now(),
            lock=lock,
            model={"name": model, "provider": config.provider.kind, **facts},
            tasks=[_task_record(name, values, ("score", _SCORER))],
        )
        folder.write_json(redactor.value(record))
        (folder.path / "external").mkdir(exist_ok=True)
        began = time.perf_counter()
        try:
            result = await _run(external, harness, values, folder.path / "external")
        except BaseException as error:
            record.update(status="failed", finished=now(), error=redactor.text(str(error)))
            folder.write_json(redactor.value(record))
            raise
        scores = _write(folder, record, name, values, result)
        complete = all(score.complete for score in scores)
        record.update(status="complete" if complete else "incomplete", finished=now())
        record["seconds"] = time.perf_counter() - began
        folder.write_json(redactor.value(record))
        progress.message(f"{name}: finished in {record['seconds']:.1f} s")
        return folder.path


async def _run(
    external: type[ExternalEval], harness: Harness, values: Mapping[str, Any], place: Path
) -> ExternalEvalResult:
    context = ExternalContext(harness.provider, values, place)
    result = None
    with anyio.move_on_after(external.timeout_seconds):
        result = await external().execute(context)
    if result is None:
        raise RunFailedError(
            f"external eval {external.name!r} did not finish in {external.timeout_seconds:g} s"
        )
    return result


def _task_record(name: str, values: Mapping[str, Any], primary: tuple[str, str]) -> dict[str, Any]:
    metric, scorer = primary
    return {
        "name": name,
        "task": name,
        "variants": [],
        "arguments": dict(values),
        "primary": f"{metric}:{scorer}",
        "metrics": [
            {
                "key": f"{metric}:{scorer}",
                "metric": metric,
                "scorer": scorer,
                "higher_is_better": True,
                "binary": False,
                "weighted": False,
                "transform": None,
                "bounds": [None, None],
            }
        ],
    }


def _write(
    folder: RunFolder,
    record: dict[str, Any],
    name: str,
    values: Mapping[str, Any],
    result: ExternalEvalResult,
) -> list[Score]:
    """The tables of an external eval; its record gets its metrics and outcomes."""
    primary = result.primary or next(iter(result.metrics))
    entry = _task_record(name, values, (primary, _SCORER))
    scored = [i for i in result.instances if i.score is not None]
    entry["outcomes"] = {"scored": len(scored)}
    if len(scored) < len(result.instances):
        entry["outcomes"]["infra_failed"] = len(result.instances) - len(scored)
    entry["metadata"] = to_json(result.metadata)
    record["tasks"] = [entry]
    _write_instances(folder, name, f"{primary}:{_SCORER}", result)
    order = sorted(result.metrics, key=lambda metric: metric != primary)
    scores = [_score(name, metric, metric == primary, result) for metric in order]
    write_metrics(folder, scores)
    return scores


def _write_instances(folder: RunFolder, name: str, key: str, result: ExternalEvalResult) -> None:
    arrow = schema.instance_schema([_SCORER], [key])
    rows = [
        {
            "instance_id": one.id,
            "position": position,
            "outcome": "infra_failed" if one.score is None else "scored",
            "cluster": one.metadata.get("cluster"),
            "gold": gold_text(one.gold),
            "question": one.question,
            "outputs": [{"text": one.answer}],
            "values": {key: one.score},
        }
        for position, one in enumerate(result.instances)
    ]
    place = folder.path / "instances"
    place.mkdir(exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=arrow)
    pq.write_table(table, place / f"{schema.file_name(name)}.parquet", compression="zstd")


def _score(name: str, metric: str, primary: bool, result: ExternalEvalResult) -> Score:
    """A metric the eval reports; its error is known only where its instances average to it."""
    value = float(result.metrics[metric])
    n = len(result.instances)
    scores = [one.score for one in result.instances if one.score is not None]
    known = None
    if primary and scores:
        clusters = [
            one.metadata.get("cluster") for one in result.instances if one.score is not None
        ]
        found = estimate(scores, clusters if any(clusters) else None)
        known = found if abs(found.value - value) < 1e-9 else None
    return Score(
        name=name,
        kind="external",
        task=name,
        variants=(),
        metric=metric,
        scorer=_SCORER,
        primary=primary,
        higher_is_better=True,
        value=value,
        stderr=known.stderr if known else None,
        ci_low=known.ci_low if known else None,
        ci_high=known.ci_high if known else None,
        mde=known.mde if known else None,
        n_expected=n,
        n_scored=len(scores),
        n_clusters=known.n_clusters if known else len(scores),
        worst_case=value if len(scores) == n else None,
        best_case=value if len(scores) == n else None,
        method=known.method if known else "as reported by the eval",
    )
