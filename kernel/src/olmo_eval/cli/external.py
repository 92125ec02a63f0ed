"""``olmo-eval external``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import (
    fail_if_missing_option,
    filter_option,
    json_option,
    results_option,
)
from olmo_eval.errors import OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.common.overrides import Override


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
        described = {"description": found.description, "arguments": to_json(found.arguments)}
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
            click.echo(f"    -a {name}={argument['default']}   {argument['description']}")


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
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="Harness setting."
)
@click.option("-H", "--harness", help="Harness preset.")
@click.option("--harness-config", metavar="FILE", help="Harness from a YAML file.")
@click.option("--provider", metavar="KIND", help="Inference provider.")
@click.option("--name", help="Name of the run.")
@click.option("--group", help="Group of runs it belongs to.")
@click.option("--step", type=int, help="Training step of the checkpoint.")
@click.option("--executor", default="local", show_default=True, help="Where the run executes.")
@results_option
@fail_if_missing_option
@json_option
def run(
    eval_name: str,
    model: str,
    arguments: Sequence[str],
    overrides: Sequence[str],
    results: str,
    executor: str,
    fail_if_missing: float,
    as_json: bool,
    **options: Any,
) -> int:
    """Run the external eval NAME on a model.

    It is not resumed: each command makes a new run.
    """
    from olmo_eval.cli.results import run_json
    from olmo_eval.cli.run import harness_of, missing_too_many, refuse_contradiction, see_through
    from olmo_eval.cli.show import print_json, print_scores
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.runner.evaluate import make_job
    from olmo_eval.runner.external import find_external
    from olmo_eval.runner.plan import Plan
    from olmo_eval.runner.run import refuse_impossible

    wanted = find_external(eval_name, [parse_override(text) for text in arguments])
    for_harness = [parse_override(text) for text in overrides]
    _refuse_task_settings(for_harness)
    job = make_job(
        model,
        harness_of(options, for_harness),
        Plan((), ()),
        provider=options["provider"],
        step=options["step"],
        results=results,
        name=options["name"],
        group=options["group"],
        external=wanted,
    )
    refuse_contradiction(job, model, for_harness, options["provider"])
    refuse_impossible(job)
    if "provider_choice" in job.notes:
        click.echo(f"provider {job.notes['provider_choice']}", err=True)
    done = see_through(job, executor)
    if as_json:
        print_json(run_json(done))
    else:
        print_scores(done, done.scores(), every=True)
        click.echo(f"results: {done.location}")
    return missing_too_many([done], fail_if_missing)


def _refuse_task_settings(overrides: Sequence[Override]) -> None:
    from attrs import fields

    from olmo_eval.evals.tasks.common.spec import is_task_setting
    from olmo_eval.harness.config import HarnessConfig

    of_harness = {field.name for field in fields(HarnessConfig)}
    for override in overrides:
        if override.path[0] not in of_harness and is_task_setting(override.path[0]):
            raise UsageError(
                f"override {override.text!r} is a setting of tasks, which an external eval does "
                "not have",
                hint="its own arguments: -a KEY=VALUE; `olmo-eval external list` names them",
            )
