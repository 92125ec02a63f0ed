"""``evaluate``: in Python what ``olmo-eval run`` does on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.common.overrides import Override, apply_overrides, parse_override, parse_value
from olmo_eval.common.sequences import items
from olmo_eval.errors import UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.providers.checkpoints import training_progress
from olmo_eval.providers.models import choose_provider, model_provider
from olmo_eval.providers.remote import fetch_checkpoint, is_remote
from olmo_eval.results.store import Run, default_results, open_run
from olmo_eval.runner.interrupt import outside_of_a_loop
from olmo_eval.runner.plan import Plan, TaskRequest, make_plan, with_limit
from olmo_eval.runner.progress import Progress, Silence, make_progress
from olmo_eval.runner.replay import located
from olmo_eval.runner.run import Job


def evaluate(
    model: str,
    tasks: str | Sequence[str | TaskRequest],
    *,
    harness: str | HarnessConfig | Mapping[str, Any] = "default",
    provider: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    limit: int | None = None,
    seed: int | None = None,
    name: str | None = None,
    group: str | None = None,
    step: int | None = None,
    results: str | None = None,
    plugin: Sequence[str] = (),
    fresh: bool = False,
    reuse: bool = True,
    reuse_by_name: bool = False,
    max_cost: float | None = None,
    progress: bool | Progress = False,
) -> Run:
    """Evaluate ``model`` on ``tasks`` and return the run.

    ``overrides`` are ``key=value`` texts (or a mapping) for the tasks or, where the key is a
    setting of harnesses, for the harness. Calling it again with the same arguments resumes an
    unfinished run and returns a finished one; ``fresh`` asks everything anew. ``reuse_by_name``
    takes over answers of other runs though the model is known by its name alone. ``max_cost`` ends
    the run when its answers have cost more (US dollars).

    Raises:
        UsageError: the request is wrong, or refused before anything is loaded. OlmoEvalError: the
            run failed; what is finished is kept.
    """
    for target in items(plugin):
        plugins.manager().load(target)
    requests = [t if isinstance(t, TaskRequest) else TaskRequest(t) for t in items(tasks)]
    for_tasks, for_harness = split_overrides(_override_list(overrides))
    plan = with_limit(make_plan(requests, for_tasks), limit, seed)
    config = apply_overrides(_harness(harness), for_harness, where="the harness")
    job = make_job(
        model,
        config,
        plan,
        provider=provider,
        name=name,
        group=group,
        step=step,
        results=results,
        fresh=fresh,
        reuse=reuse,
        reuse_by_name=reuse_by_name,
        max_cost=max_cost,
    )
    shown = make_progress() if progress is True else progress or Silence()
    try:
        return run_job(job, shown)
    finally:
        shown.close()


def make_job(
    model: str,
    harness: HarnessConfig,
    plan: Plan,
    *,
    provider: str | None = None,
    step: int | None = None,
    results: str | None = None,
    **settings: Any,
) -> Job:
    """The job of one model under ``harness``, with the provider chosen for it.

    Raises:
        UsageError: there is no model, or nothing that runs it.
    """
    if not model.strip():
        raise UsageError("no model is named", hint="add -m MODEL")
    if step is not None and step < 0:
        raise UsageError(f"step {step}: a training step is not negative")
    config = model_provider(model, harness.provider, provider)
    if is_remote(config.model):
        local = str(fetch_checkpoint(config.model))
        config = evolve(config, alias=config.alias or model, model=local)
    config, reason = choose_provider(config)
    if config.kind == "replay":
        config = located(config, results or default_results())
    found_step, tokens = training_progress(model)
    settings["reuse"] = settings.get("reuse", True) and not settings.get("fresh")
    return Job(
        model=config.alias or model,
        harness=evolve(harness, provider=config),
        plan=plan,
        results=results or default_results(),
        step=found_step if step is None else step,
        step_given=step is not None,
        tokens=tokens,
        notes={} if reason is None else {"provider_choice": f"{config.kind}: {reason}"},
        **settings,
    )


def run_job(job: Job, progress: Progress, executor: str = "local") -> Run:
    """See a job through on an executor and open its results."""
    make = plugins.manager().registry("executors").get(executor)
    place = outside_of_a_loop(lambda: make().execute(job, progress))
    return open_run(str(place))


def _override_list(overrides: Sequence[str] | Mapping[str, Any]) -> list[Override]:
    if isinstance(overrides, Mapping):
        return [
            Override(tuple(key.split(".")), value, f"{key}={_written(value)}")
            for key, value in overrides.items()
        ]
    return [parse_override(text) for text in items(overrides)]


def _written(value: Any) -> str:
    """``value`` as it would stand on the command line, so that the record can be read again."""
    if isinstance(value, str) and parse_value(value) == value:
        return value
    return json.dumps(to_json(value), ensure_ascii=False)


def split_overrides(overrides: Sequence[Override]) -> tuple[list[Override], list[Override]]:
    """(for tasks, for the harness), by the first segment of each key.

    Raises:
        UsageError: a key that is neither's, with the closest known ones.
    """
    import attrs

    from olmo_eval.common.suggest import did_you_mean
    from olmo_eval.evals.tasks.common.config import TaskConfig
    from olmo_eval.evals.tasks.common.spec import is_task_setting

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


def _harness(harness: str | HarnessConfig | Mapping[str, Any]) -> HarnessConfig:
    from olmo_eval.harness.presets import get_harness_preset

    if isinstance(harness, HarnessConfig):
        return harness
    if isinstance(harness, str):
        return get_harness_preset(harness)
    return HarnessConfig.from_dict(harness)
