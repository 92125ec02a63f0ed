"""What ``run.json`` says of a run before its first request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import olmo_eval
from olmo_eval import plugins
from olmo_eval.agents.selection import ToolChoice
from olmo_eval.common.convert import to_json
from olmo_eval.common.sequences import items
from olmo_eval.common.types import Identity
from olmo_eval.errors import ProviderError
from olmo_eval.evals.tasks.common.registry import claims_of_variant
from olmo_eval.registry import Owner
from olmo_eval.results import schema
from olmo_eval.runner.code import CodeReader
from olmo_eval.runner.environment import environment
from olmo_eval.runner.external import external_record
from olmo_eval.runner.lock import (
    code_record,
    digest,
    generation_lock,
    harness_lock,
    model_lock,
    scoring_hash,
    task_code,
    task_hash,
    task_lock,
)
from olmo_eval.runner.plan import PlannedTask

if TYPE_CHECKING:
    from olmo_eval.runner.job import Job


def run_record(job: Job) -> dict[str, Any]:
    """The record of a run that has not begun; nothing is loaded to make it.

    ``identity`` is the same for the same work: rerunning the same command finds its run by it.
    ``reuse_key`` is the same for runs whose answers can stand for each other's, ``ask_key`` for
    runs of one command, however they score.
    """
    config = job.harness
    facts = _model_facts(job)
    reader = CodeReader()
    codes = {planned.name: task_code(planned, reader) for planned in job.plan.tasks}
    tasks = {planned.name: task_lock(planned, codes[planned.name]) for planned in job.plan.tasks}
    lock = {
        "model": facts.pop("lock"),
        "harness": harness_lock(config, reader),
        "code": code_record(codes.values()),
        "tasks": {name: {"hash": task_hash(inputs), **inputs} for name, inputs in tasks.items()},
    }
    lock["scoring"] = {
        planned.name: scoring_hash(planned, tasks[planned.name], lock["harness"])
        for planned in job.plan.tasks
    }
    locks = [digest(lock["model"]), digest(lock["harness"])]
    # two engines are two runs, though what they answer may be compared
    wanted = [job.name, job.group, config.provider.kind, *locks]
    hashes = {name: entry["hash"] for name, entry in lock["tasks"].items()}
    source = job.recorded.run_id if job.recorded else None
    wanted += [f"against {run.run_id}" for run in job.against]
    wanted += [f"anchored on {job.anchor.run_id}"] if job.anchor else []
    generation = [lock["model"], config.provider.kind, generation_lock(config)]
    asked = [[name, t["limit"], t["seed"]] for name, t in tasks.items()]
    record = {
        "schema_version": schema.VERSION,
        "olmo_eval_version": olmo_eval.__version__,
        "kind": "rescore" if job.recorded else "run",
        "identity": digest([wanted, hashes, [s.to_dict() for s in job.plan.suites], source]),
        "reuse_key": digest(generation),
        "ask_key": digest([*generation, job.name, job.group, asked]),
        "name": job.name,
        "group": job.group,
        "model": facts,
        "harness": {**to_json(config), "hash": digest(lock["harness"])},
        "tasks": [_task_record(p, hashes[p.name]) for p in job.plan.tasks],
        "suites": [suite.to_dict() for suite in job.plan.suites],
        "plugins": provenance(job),
        "lock": lock,
        "environment": environment(),
        **({"rescored_from": source} if source else {}),
        **({"notes": dict(job.notes)} if job.notes else {}),
    }
    return record if job.external is None else external_record(record, job.external)


def _model_facts(job: Job) -> dict[str, Any]:
    """Who answers: the model of the job, or of the run whose outputs are scored again."""
    if job.recorded is not None:
        known = dict(job.recorded.record["model"])
        return {**known, "lock": job.recorded.record["lock"]["model"]}
    config = job.harness.provider
    identified = plugins.manager().registry("providers").get(str(config.kind)).identify(config)
    _check_identity(str(config.kind), identified)
    return {
        "name": config.alias or job.model,
        "provider": config.kind,
        "step": job.step,
        "tokens": job.tokens,
        **identified,
        "settings": to_json(config),
        "lock": model_lock(job.harness, identified),
    }


def _check_identity(kind: str, identified: Mapping[str, Any]) -> None:
    try:
        Identity.of(identified)
    except ValueError:
        raise ProviderError(
            f"provider {kind}: identify() says known_by={identified['known_by']!r}",
            hint="an Identity is content, place, name or service",
        ) from None


def _task_record(planned: PlannedTask, hash_: str) -> dict[str, Any]:
    config = planned.task.config
    return {
        "name": planned.name,
        "task": planned.spec.name,
        "variants": list(planned.spec.variants),
        "overrides": [o.text for o in planned.overrides],
        "hash": hash_,
        "request_type": str(planned.example.request_type),
        "config": to_json(config),
        "primary": config.primary().key,
        "metrics": [
            {
                "key": m.key,
                "metric": m.metric_name,
                "scorer": m.scorer.name,
                "requires": sorted(items(m.scorer.requires)),
                "higher_is_better": m.higher_is_better,
                "binary": m.binary,
                "weighted": m.weighted,
                "transform": m.transform,
                "needs_unconditional": m.needs_unconditional,
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
        "tools": {choice.name for t in job.harness.tools if (choice := ToolChoice.of(t))},
        "judges": {judge.kind for judge in job.harness.graders.values()},
        "harnesses": {job.harness.name},
    }
    found: dict[str, dict[str, Any]] = {}
    for kind, names in used.items():
        registry = manager.registry(kind)
        owned = {n: registry.entry(n).owner.to_dict() for n in sorted(names) if n in registry}
        if owned:
            found[kind] = owned
    return {**found, **_parts_of_tasks(job.plan.tasks)}


def _parts_of_tasks(tasks: Sequence[PlannedTask]) -> dict[str, Any]:
    """Who supplied each task, what it is put together from, and the variants applied to it.

    Metrics and scorers are called as in ``metrics.parquet``, formatters by their classes.
    """
    found: dict[str, dict[str, Owner]] = {
        kind: {} for kind in ("tasks", "variants", "formatters", "metrics", "scorers")
    }

    def supplied(kind: str, name: str, part: Any) -> None:
        found[kind][name] = plugins.manager().owner_of(type(part).__module__)

    for planned in tasks:
        spec, config = planned.spec, planned.task.config
        found["tasks"][planned.name] = planned.owner
        for variant in spec.variants:
            for claim in claims_of_variant(spec.name, variant, planned.owner.distribution):
                found["variants"][claim.name] = claim.owner
        if config.formatter is not None:
            supplied("formatters", type(config.formatter).__name__, config.formatter)
        for metric in config.metrics:
            supplied("metrics", metric.metric_name, metric)
        for scorer in planned.task.scorers_once:
            supplied("scorers", scorer.name, scorer)
    return {
        kind: {name: owner.to_dict() for name, owner in owners.items()}
        for kind, owners in found.items()
        if owners
    }
