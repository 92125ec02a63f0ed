"""``olmo-eval external``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from olmo_eval.cli.options import filter_option, json_option, results_option


@click.group()
def external() -> None:
    """Benchmarks that bring their own runner."""


@external.command("list")
@filter_option
@json_option
def list_(filter_: str, as_json: bool) -> None:
    """List external evals with their arguments."""
    from olmo_eval.cli.listing import entries
    from olmo_eval.cli.show import print_json
    from olmo_eval.common.convert import to_json
    from olmo_eval.plugins import manager

    registry = manager().registry("external_evals")
    rows = []
    for row in entries("external_evals", filter_):
        found = registry.get(f"{row['distribution']}:{row['name']}")
        described = {"description": found.description, "arguments": to_json(found.arguments)}
        rows.append({**row, **described, "required_secrets": list(found.required_secrets)})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no external evals found")
    for row in rows:
        click.echo(f"{row['name']}  ({row['distribution']} {row['version']})")
        click.echo(f"    {row['description']}")
        for name, argument in row["arguments"].items():
            click.echo(f"    -a {name}={argument['default']}   {argument['description']}")


@external.command()
@click.argument("name")
@click.option("-m", "--model", required=True, help="As for `olmo-eval run`.")
@click.option("-a", "--arg", "arguments", multiple=True, metavar="KEY=VALUE")
@click.option("-o", "--override", "overrides", multiple=True, help="Setting of the harness.")
@click.option("-H", "--harness", default="default", show_default=True)
@click.option("--provider", metavar="KIND")
@click.option("--name", "run_name", help="Name of the run.")
@click.option("--group", help="Group of runs it belongs to.")
@results_option
@json_option
def run(
    name: str,
    model: str,
    arguments: Sequence[str],
    overrides: Sequence[str],
    harness: str,
    provider: str | None,
    run_name: str | None,
    group: str | None,
    results: str,
    as_json: bool,
) -> None:
    """Run the external eval NAME on a model."""
    from attrs import evolve

    from olmo_eval.cli.results import run_json
    from olmo_eval.cli.show import print_json, print_scores
    from olmo_eval.common.overrides import apply_overrides, parse_override
    from olmo_eval.harness.models import choose_provider, model_provider
    from olmo_eval.harness.presets import get_harness_preset
    from olmo_eval.runner.external import run_external
    from olmo_eval.runner.progress import make_progress

    config = get_harness_preset(harness)
    config = apply_overrides(
        config, [parse_override(text) for text in overrides], where=f"harness {harness!r}"
    )
    chosen, _ = choose_provider(model_provider(model, config.provider, provider))
    progress = make_progress()
    try:
        done = run_external(
            name,
            chosen.alias or model,
            evolve(config, provider=chosen),
            [parse_override(text) for text in arguments],
            results=results,
            group=group,
            run_name=run_name,
            progress=progress,
        )
    finally:
        progress.close()
    if as_json:
        print_json(run_json(done))
        return
    print_scores(done, done.scores(), every=True)
    click.echo(f"results: {done.location}")
