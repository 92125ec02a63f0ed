"""From a spec to what will be run here: every name looked up, everything that can be refused
refused, no model loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import attrs
from attrs import evolve, frozen

from olmo_eval import plugins
from olmo_eval.checkpoints.progress import training_progress
from olmo_eval.common.overrides import Override
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common.config import TaskConfig
from olmo_eval.evals.tasks.common.spec import is_task_setting
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.judging import with_judge, with_overrides
from olmo_eval.harness.named import with_named_environments
from olmo_eval.harness.presets import get_harness_preset
from olmo_eval.providers.models import choose_provider, model_provider
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.remote import fetch_checkpoint, is_remote
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.external import ExternalRequest, find_external
from olmo_eval.runner.job import Job
from olmo_eval.runner.plan import Plan, make_plan, with_limit
from olmo_eval.runner.replay import located
from olmo_eval.runner.rescore import rescore
from olmo_eval.runner.spec import RunSpec
from olmo_eval.sandbox.config import SandboxConfig

#: settings that only runs of some other kind have
_OTHERS = {
    "run": ("rescored", "external", "arguments"),
    "rescore": (
        "model", "provider", "harness", "sandbox", "limit", "seed", "step", "tokens", "external",
        "arguments", "against", "anchor",
    ),
    "external": (
        "tasks", "limit", "seed", "max_cost", "inspect", "rescored", "shard", "workers", "judge",
        "against", "anchor",
    ),
}  # fmt: skip


def resolve(spec: RunSpec) -> Job:
    """What ``spec`` means on this machine; its plugins are loaded, its checkpoint is fetched.

    Raises:
        UsageError: an unknown name, variant or key, an impossible combination, nothing that runs
            the model. DataError: a task without instances, a run to score again that is not
            finished. PluginError: a plugin that does not load.
    """
    kept = _kept.get() or _Kept()
    found = next((job for known, job in kept.jobs if known is spec), None)
    if found is None:
        found = _resolve(spec, kept)
        kept.jobs.append((spec, found))
    return found


@frozen
class _Kept:
    """What has been resolved; plans by all that they are made of."""

    jobs: list[tuple[RunSpec, Job]] = attrs.field(factory=list)
    plans: list[tuple[tuple[Any, ...], Plan]] = attrs.field(factory=list)


_kept: ContextVar[_Kept | None] = ContextVar("_kept", default=None)


@contextmanager
def resolving_once() -> Iterator[None]:
    """In the block a spec is resolved once, for whoever looks at it and for whoever makes its run,
    and specs of the same tasks share their plan. Data and plugins are taken not to change.
    """
    token = _kept.set(_Kept())
    try:
        yield
    finally:
        _kept.reset(token)


def _resolve(spec: RunSpec, kept: _Kept) -> Job:
    for target in spec.plugins:
        plugins.manager().load(target)
    _refuse_settings_of_others(spec)
    _refuse_shard(spec)
    if spec.kind == "rescore":
        return rescore(spec, *split_overrides(spec.overrides))
    if spec.kind == "external":
        external = _external(spec)
        return _with_model(spec, spec.overrides, Plan((), ()), external)
    for_tasks, for_harness = split_overrides(spec.overrides)
    return _with_model(spec, for_harness, _plan(spec, for_tasks, kept))


def _refuse_settings_of_others(spec: RunSpec) -> None:
    for name in _OTHERS[spec.kind]:
        if getattr(spec, name) != getattr(attrs.fields(RunSpec), name).default:
            kind = f"{'an' if spec.kind == 'external' else 'a'} {spec.kind} run"
            raise UsageError(f"{name} is set, which {kind} does not have")


def _refuse_shard(spec: RunSpec) -> None:
    """Raise where a run cannot be made in shards, or by processes that join."""
    if spec.joins and (spec.fresh or spec.shard):
        raise UsageError(
            f"{'fresh' if spec.fresh else 'a shard'} and workers exclude each other: every process "
            "that joins is given the same run, and parts of it as it goes",
            hint="leave out one of the two, or give the run another --name",
        )
    if spec.shard is None:
        return
    if spec.fresh:
        raise UsageError(
            "fresh and a shard exclude each other: each shard would begin a run of its own",
            hint="give the run another --name instead",
        )
    if "://" in spec.results:
        raise UsageError(
            f"shards cannot be made at {spec.results}",
            hint="give --results a folder that every process reaches",
        )


def _against(spec: RunSpec) -> tuple[Run, ...]:
    """The runs that decide when enough was asked.

    Raises:
        UsageError: in a part of a run, which does not see what the others answered.
    """
    if spec.against and (spec.shard or spec.workers):
        raise UsageError(
            "a part of a run cannot stop when decided: it does not see what the others answered",
            hint="make the whole run in one process",
        )
    store = Store(spec.results)
    return tuple(store.find(reference) for reference in spec.against)


def _plan(spec: RunSpec, for_tasks: Sequence[Override], kept: _Kept) -> Plan:
    made_of = (spec.tasks, tuple(for_tasks), spec.limit, spec.seed, spec.skip_missing)
    plan = next((plan for known, plan in kept.plans if known == made_of), None)
    if plan is None:
        made = make_plan(spec.tasks, for_tasks, skip_missing=spec.skip_missing)
        plan = with_limit(made, spec.limit, spec.seed)
        kept.plans.append((made_of, plan))
    return plan


def _harness(spec: RunSpec, overrides: Sequence[Override]) -> HarnessConfig:
    given = spec.harness
    harness = get_harness_preset(given) if isinstance(given, str) else given
    if spec.sandbox is not None:
        harness = in_sandbox(harness, spec.sandbox)
    if spec.judge is not None:
        harness = with_judge(harness, spec.judge)
    return with_overrides(harness, overrides, where=f"harness {harness.name!r}")


def in_sandbox(harness: HarnessConfig, backend: str) -> HarnessConfig:
    """``harness`` with every environment made by ``backend``; it has one even where it had none.

    Whoever names a backend that does not isolate accepts that.
    """
    kind = plugins.manager().registry("sandboxes").get(backend)
    unsafe = not kind.isolates
    named = harness.sandboxes or (SandboxConfig(),)
    made = (one.made_by(backend, unsafe_local=unsafe) for one in named)
    return evolve(harness, sandboxes=tuple(made))


def _external(spec: RunSpec) -> ExternalRequest:
    if spec.external is None:
        raise UsageError("no external eval is named", hint="`olmo-eval external list` names them")
    found = find_external(spec.external, spec.arguments)
    of_harness = {f.name for f in attrs.fields(HarnessConfig)}
    for override in spec.overrides:
        if override.path[0] not in of_harness and is_task_setting(override.path[0]):
            raise UsageError(
                f"override {override.text!r} is a setting of tasks, which an external eval does "
                "not have",
                hint="its own arguments: -a KEY=VALUE; `olmo-eval external list` names them",
            )
    return found


def _with_model(
    spec: RunSpec,
    overrides: Sequence[Override],
    plan: Plan,
    external: ExternalRequest | None = None,
) -> Job:
    """The job of the spec's model, under its harness with these overrides."""
    tasks = [planned.task.config for planned in plan.tasks]
    harness = with_named_environments(
        _harness(spec, overrides),
        [(config.sandbox_env, config.sandbox_allocation_weight) for config in tasks],
    )
    if not spec.model.strip():
        raise UsageError("no model is named", hint="add -m MODEL")
    for name, value in (("step", spec.step), ("tokens", spec.tokens)):
        if value is not None and value < 0:
            raise UsageError(f"{name} {value} is negative", hint="a checkpoint has 0 or more")
    config, reason = _provider(spec, harness)
    _refuse_contradiction(spec, config, overrides)
    told = training_progress(config.model)  # of a checkpoint at a URL this is the copy of it
    progress = told.or_else(training_progress(spec.model))
    return Job(
        spec=spec,
        model=config.alias or spec.model,
        harness=evolve(harness, provider=config),
        plan=plan,
        name=spec.name,
        group=spec.group,
        step=progress.step if spec.step is None else spec.step,
        tokens=progress.tokens if spec.tokens is None else spec.tokens,
        against=_against(spec),
        anchor=None if spec.anchor is None else Store(spec.results).find(spec.anchor),
        external=external,
        notes={} if reason is None else {"provider_choice": f"{config.kind}: {reason}"},
    )


def _provider(spec: RunSpec, harness: HarnessConfig) -> tuple[ProviderConfig, str | None]:
    """The provider of the spec's model, and why it was chosen where nobody named it."""
    config = model_provider(spec.model, harness.provider, spec.provider)
    if is_remote(config.model):
        local = str(fetch_checkpoint(config.model))
        config = evolve(config, alias=config.alias or spec.model, model=local)
    config, reason = choose_provider(config)
    if config.kind == "replay":
        config = located(config, spec.results)
    return config, reason


def _refuse_contradiction(
    spec: RunSpec, config: ProviderConfig, overrides: Sequence[Override]
) -> None:
    """Raise where an override names another provider than what else was asked for."""
    asked = next((o for o in reversed(overrides) if o.path == ("provider", "kind")), None)
    if asked is not None and asked.value != config.kind:
        by = f"--provider {config.kind}" if spec.provider else f"-m {spec.model}"
        raise UsageError(
            f"override {asked.text!r} contradicts {by}", hint="leave one of the two out"
        )


def split_overrides(overrides: Sequence[Override]) -> tuple[list[Override], list[Override]]:
    """(for tasks, for the harness), by the first segment of each key.

    Raises:
        UsageError: a key that is neither's, with the closest known ones.
    """
    harness_keys = {f.name for f in attrs.fields(HarnessConfig)}
    task_keys = {f.name for f in attrs.fields(TaskConfig)}
    for_tasks, for_harness = [], []
    for override in overrides:
        key = override.path[0]
        if is_task_setting(key):
            for_tasks.append(override)
        elif key in harness_keys:
            for_harness.append(override)
        else:
            raise UsageError(
                f"override {override.text!r}: no task and no harness has a setting {key!r}",
                hint=did_you_mean(key, harness_keys | task_keys),
            )
    return for_tasks, for_harness
