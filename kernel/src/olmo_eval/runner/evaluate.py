"""``evaluate``: in Python what ``olmo-eval run`` does on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.common.overrides import Override, parse_value
from olmo_eval.common.sequences import items
from olmo_eval.errors import PluginError, UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.results.store import Run, default_results, open_run
from olmo_eval.runner.executor import Executor
from olmo_eval.runner.interrupt import outside_of_a_loop
from olmo_eval.runner.progress import Progress, Silence, make_progress
from olmo_eval.runner.spec import RunSpec, TaskRequest


def evaluate(
    model: str,
    tasks: str | Sequence[str | TaskRequest],
    *,
    harness: str | HarnessConfig | Mapping[str, Any] = "default",
    provider: str | None = None,
    sandbox: str | None = None,
    judge: str | None = None,
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
    against: str | Run | None = None,
    anchor: str | Run | None = None,
    max_cost: float | None = None,
    skip_missing: bool = False,
    progress: bool | Progress = False,
) -> Run:
    """Evaluate ``model`` on ``tasks`` and return the run.

    ``sandbox`` names the backend that makes the environments, in place of those that the harness
    names, and ``judge`` the model of its judges. ``overrides`` are ``key=value`` texts (or a
    mapping) for the tasks or, where the key is a setting of harnesses, for the harness. Calling it
    again with the same arguments resumes an unfinished run and returns a finished one; ``fresh``
    asks everything anew. ``reuse_by_name`` takes over answers of other runs though the model is
    known by its name alone. ``against`` names a run, and the questions are asked in random order
    until this one is known to be better or worse than that (``--stop-when-decided``). ``anchor``
    names one that was asked every question, and a run with a ``limit`` estimates from its scores
    what all of them would score (``--anchor``). ``max_cost`` ends the run when its answers and
    judges have cost more (US dollars). ``skip_missing`` leaves members of suites out whose data is
    not there: those suites have no score.

    Raises:
        UsageError: the request is wrong, or refused before anything is loaded. OlmoEvalError: the
            run failed; what is finished is kept.
    """
    spec = _valid(
        model=model,
        tasks=tuple(t if isinstance(t, TaskRequest) else TaskRequest(t) for t in items(tasks)),
        harness=_named_or_whole(harness),
        provider=provider,
        sandbox=sandbox,
        judge=judge,
        overrides=_override_list(overrides),
        limit=limit,
        seed=seed,
        name=name,
        group=group,
        step=step,
        results=results or default_results(),
        plugins=tuple(map(str, items(plugin))),
        fresh=fresh,
        reuse=reuse,
        reuse_by_name=reuse_by_name,
        against=() if against is None else (_named(against),),
        anchor=None if anchor is None else _named(anchor),
        max_cost=max_cost,
        skip_missing=skip_missing,
    )
    shown = make_progress() if progress is True else progress or Silence()
    try:
        return make_run(spec, shown)
    finally:
        shown.close()


def make_run(
    spec: RunSpec,
    progress: Progress,
    executor: str = "local",
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Have an executor make the run of a spec, and open its results.

    Raises:
        UsageError: the executor does not take one of the ``settings``.
        PluginError: the executor does not say where they are. OlmoEvalError: what the run raises.
    """
    entry = plugins.manager().registry("executors").entry(executor)
    made = executor_class(executor)(**(settings or {}))
    place = outside_of_a_loop(lambda: made.execute(spec, progress))
    if not isinstance(place, str):
        raise PluginError(
            f"executor {entry.name!r} of {entry.owner} returned {place!r:.80}",
            hint="execute() returns the location of the run: a folder or a URL, as text",
        )
    return open_run(place)


def executor_class(name: str) -> type[Executor]:
    """The registered executor called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    found: type[Executor] = plugins.manager().registry("executors").get(name)
    return found


def _valid(**settings: Any) -> RunSpec:
    try:
        return RunSpec(**settings)
    except (ValueError, TypeError) as error:
        raise UsageError(str(error.args[0])) from error


def _named(run: str | Run) -> str:
    """What finds the run."""
    return run if isinstance(run, str) else run.location


def _named_or_whole(harness: str | HarnessConfig | Mapping[str, Any]) -> str | HarnessConfig:
    if isinstance(harness, str | HarnessConfig):
        return harness
    return HarnessConfig.from_dict(harness)


def _override_list(overrides: Sequence[str] | Mapping[str, Any]) -> Sequence[str | Override]:
    if isinstance(overrides, Mapping):
        return [
            Override(tuple(key.split(".")), value, f"{key}={_written(value)}")
            for key, value in overrides.items()
        ]
    return items(overrides)


def _written(value: Any) -> str:
    """``value`` as it would stand on the command line, so that the record can be read again."""
    if isinstance(value, str) and parse_value(value) == value:
        return value
    return json.dumps(to_json(value), ensure_ascii=False)
