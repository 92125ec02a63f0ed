"""From the options of a command to specs of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.harness.config import HarnessConfig
    from olmo_eval.runner.spec import RunSpec, TaskRequest


def specs_of(
    models: Sequence[str], ordered: Sequence[tuple[str, Any]], options: Mapping[str, Any]
) -> dict[str, RunSpec]:
    """The spec of each model's run, from the options in the order in which they stood; of a
    pattern such as ``checkpoints/*`` one for each checkpoint, in the order of steps.

    Raises:
        OlmoEvalError: what is wrong whatever the model.
    """
    from attrs import evolve

    from olmo_eval.common.sequences import items
    from olmo_eval.runner.checkpoint_pattern import checkpoints_of

    tasks, for_harness = bind(ordered)
    _note_limits(tasks)
    spec = spec_of(
        options,
        tasks=tasks,
        overrides=for_harness,
        limit=options["limit"],
        seed=options["seed"],
        fresh=bool(options.get("fresh")),
        reuse=not options.get("no_reuse"),
        reuse_by_name=bool(options.get("reuse_by_name")),
        against=items(options.get("against")),
        anchor=options.get("anchor"),
        skip_missing=bool(options.get("skip_missing")),
        max_cost=options.get("max_cost"),
        shard=options.get("shard"),
        workers=options.get("workers"),
        inspect=_inspected(options),
    )
    named = [one for model in models for one in checkpoints_of(model)]
    return {model: evolve(spec, model=model) for model in named}


def spec_of(options: Mapping[str, Any], **more: Any) -> RunSpec:
    """A spec with what the commands that make runs have in common."""
    from olmo_eval.plugins import manager
    from olmo_eval.runner.spec import RunSpec

    return RunSpec(
        harness=harness_of(options),
        provider=options["provider"],
        sandbox=options.get("sandbox"),
        judge=options.get("judge"),
        plugins=manager().asked_for,
        name=options["name"],
        group=options["group"],
        step=options["step"],
        results=options["results"],
        **more,
    )


def harness_of(options: Mapping[str, Any]) -> str | HarnessConfig:
    """The preset that the options name, or what their file says."""
    from olmo_eval.harness.config import load_harness

    if options["harness"] and options["harness_config"]:
        raise UsageError("--harness and --harness-config exclude each other")
    if options["harness_config"]:
        return load_harness(options["harness_config"])
    return options["harness"] or "default"


def _inspected(options: Mapping[str, Any]) -> tuple[str, ...]:
    from olmo_eval.runner.spec import INSPECTED

    chosen = tuple(part for part in INSPECTED if options.get(f"inspect_{part}"))
    return chosen or (INSPECTED[:3] if options.get("inspect") else ())


def bind(ordered: Sequence[tuple[str, Any]]) -> tuple[list[TaskRequest], list[str]]:
    """Tasks with the overrides that follow them, and the overrides of the harness.

    Raises:
        UsageError: an override that nothing before it has a setting for.
    """
    from attrs import evolve

    from olmo_eval.common.overrides import parse_override
    from olmo_eval.runner.resolve import split_overrides
    from olmo_eval.runner.spec import TaskRequest

    requests: list[TaskRequest] = []
    for_harness: list[str] = []
    last = ""
    for name, value in ordered:
        if name == "tasks":
            requests.append(TaskRequest(value))
        if name != "overrides":
            last = name
            continue
        for_tasks, harness = split_overrides([parse_override(value)])
        if harness:
            for_harness.append(value)
        elif last == "tasks":
            bound = (*requests[-1].overrides, *for_tasks)
            requests[-1] = evolve(requests[-1], overrides=bound)
        else:
            raise UsageError(
                f"override {value!r} is a setting of tasks, but no -t stands before it",
                hint=_for_every_task(value) or f"write it after its task: -t TASK -o {value}",
            )
    return requests, for_harness


def _note_limits(tasks: Sequence[TaskRequest]) -> None:
    """Say where a limit was meant for every task, as it seems, and is one of a single task."""
    own = {t.spec: o.text for t in tasks for o in t.overrides if o.path == ("limit",)}
    if len(tasks) > 1 and len(own) == 1:
        ((spec, text),) = own.items()
        click.echo(
            f"note: {text} is for {spec} alone; --{text.replace('=', ' ')} is for every task",
            err=True,
        )


def _for_every_task(override: str) -> str | None:
    """The option that says for all tasks what an override says for one."""
    key, _, value = override.partition("=")
    if key not in ("limit", "seed"):
        return None
    return f"for every task: --{key} {value}; for one: -t TASK -o {override}"


#: options that say where and how a spec's run is made, and what of it is shown
_BESIDE_SPEC = frozenset(
    {
        "spec_file",
        "executor",
        "address",
        "workers",
        "fail_if_missing",
        "strict",
        "dry_run",
        "print_spec",
        "as_json",
    }
)


def read_spec(ctx: click.Context, file: str) -> RunSpec:
    """The spec in a file, or on standard input (``-``).

    Raises:
        UsageError: it cannot be read, or other options say what the spec says.
    """
    from olmo_eval.runner.spec import RunSpec

    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in _BESIDE_SPEC
        and ctx.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"--spec says all of a run: {', '.join(given)} cannot be added",
            hint="change the spec, or leave --spec out",
        )
    try:
        with click.open_file(file, "rb") as stream:
            text = stream.read()
    except OSError as error:
        raise UsageError(f"spec {file}: {error.strerror or error}") from error
    return RunSpec.from_json(text, where="spec" if file == "-" else f"{file}: spec")
