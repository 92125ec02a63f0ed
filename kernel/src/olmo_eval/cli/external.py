"""``olmo-eval external``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from olmo_eval.cli.options import (
    fail_if_missing_option,
    filter_option,
    json_option,
    override_option,
    results_option,
)
from olmo_eval.errors import OlmoEvalError


@click.group()
def external() -> None:
    """Benchmarks that bring their own runner."""


@external.command("list")
@filter_option
@json_option
def list_(filter_: str, as_json: bool) -> None:
    """List external evals with their arguments."""
    from attrs import asdict

    from olmo_eval.cli.listing import entries
    from olmo_eval.cli.show import print_json
    from olmo_eval.common.convert import to_json
    from olmo_eval.plugins import manager
    from olmo_eval.runner.external import refuse_malformed

    registry = manager().registry("external_evals")
    rows = []
    for row in entries("external_evals", filter_):
        try:
            found = registry.get(f"{row['distribution']}:{row['name']}")
            refuse_malformed(found, f"external eval {row['name']!r} of {row['distribution']}")
        except OlmoEvalError as error:
            click.echo(f"left out: {error.message}", err=True)
            continue
        arguments = {name: argument.describe() for name, argument in found.arguments.items()}
        described = {"description": found.description, "arguments": to_json(arguments)}
        described["metrics"] = [asdict(metric) for metric in found.metrics]
        rows.append({**row, **described, "required_secrets": list(found.required_secrets)})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no external evals found")
    for row in rows:
        click.echo(f"{row['name']}  ({row['distribution']} {row['version']})")
        click.echo(f"    {row['description']}")
        for metric in row["metrics"]:
            direction = "higher" if metric["higher_is_better"] else "lower"
            unit = f" ({metric['unit']})" if metric["unit"] else ""
            click.echo(f"    {metric['name']}{unit}: {direction} is better")
        for name, argument in row["arguments"].items():
            click.echo(f"    -a {_shown(name, argument)}   {argument['description']}")


def _shown(name: str, argument: Mapping[str, Any]) -> str:
    """An argument with its default, or its type where it has none."""
    if argument["default"] is not None:
        return f"{name}={argument['default']}"
    kind = str(argument.get("type", "value")).upper()
    return f"{name}={kind}" + (" (required)" if argument["required"] else "")


@external.command()
@click.argument("eval_name", metavar="NAME")
@click.option("-m", "--model", required=True, help="As for `olmo-eval run`.")
@click.option(
    "-a",
    "--arg",
    "arguments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Argument of the eval; `olmo-eval external list` names them.",
)
@override_option("Harness setting.")
@click.option("-H", "--harness", help="Harness preset.")
@click.option("--harness-config", metavar="FILE", help="Harness from a YAML file.")
@click.option("--provider", metavar="KIND", help="Inference provider.")
@click.option("--sandbox", metavar="BACKEND", help="What makes the environments.")
@click.option("--name", help="Name of the run.")
@click.option("--group", help="Group of runs it belongs to.")
@click.option("--step", type=click.IntRange(0), help="Training step of the checkpoint.")
@click.option("--executor", default="local", show_default=True, help="Where the run executes.")
@click.option("--fresh", is_flag=True, help="Run it anew, though a run of it is finished.")
@click.option("--print-spec", is_flag=True, help="Print the run's spec; make nothing.")
@results_option
@fail_if_missing_option
@json_option
def run(
    eval_name: str,
    model: str,
    arguments: Sequence[str],
    overrides: Sequence[str],
    executor: str,
    fresh: bool,
    print_spec: bool,
    fail_if_missing: float,
    as_json: bool,
    **options: Any,
) -> int:
    """Run the external eval NAME on a model.

    A finished run of the same eval, arguments, model and harness is shown as it is; one that was
    not finished begins anew.
    """
    from olmo_eval.cli.results import run_json
    from olmo_eval.cli.run import missing_too_many, prepare, see_through, show_runs
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.specs import spec_of
    from olmo_eval.cli.sweep import Sweep
    from olmo_eval.runner.resolve import resolving_once

    spec = spec_of(
        options,
        kind="external",
        model=model,
        external=eval_name,
        arguments=arguments,
        overrides=overrides,
        fresh=fresh,
    )
    if print_spec:
        click.echo(spec.to_json())
        return 0
    sweep = Sweep([model])
    with resolving_once():
        prepare(sweep, {model: spec}, executor)
        done = see_through(spec, executor)
    if as_json:
        print_json(run_json(done))
    else:
        show_runs([done], as_json=False)
    return missing_too_many([done], fail_if_missing)
