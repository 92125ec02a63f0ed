"""``olmo-eval baseline``."""

from __future__ import annotations

import click

from olmo_eval.cli.options import json_option, results_option


@click.group()
def baseline() -> None:
    """The run that `compare RUN` compares with where no other is named."""


@baseline.command("set")
@click.argument("run")
@click.option("--group", help="Only for runs of this group.")
@results_option
def set_(run: str, group: str | None, results: str) -> None:
    """Make RUN the baseline of the store, or of a group; `results prune` keeps it."""
    from olmo_eval.results.baseline import set_baseline
    from olmo_eval.results.store import Store

    store = Store(results)
    found = store.find(run)
    set_baseline(store.location, found.run_id, group)
    click.echo(f"{found.run_id} ({found.model}) is the baseline of {_of(group)}")


@baseline.command()
@results_option
@json_option
def show(results: str, as_json: bool) -> None:
    """Show which baselines are set."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.baseline import baselines

    known = baselines(results)
    if as_json:
        print_json([{"group": group, "run_id": run_id} for group, run_id in known.items()])
        return
    for group, run_id in known.items():
        click.echo(f"{run_id} is the baseline of {_of(group)}")
    if not known:
        click.echo("no baseline is set: `compare RUN` takes the checkpoint before it")


@baseline.command()
@click.option("--group", help="The baseline of this group.")
@results_option
def clear(group: str | None, results: str) -> None:
    """Forget the baseline of the store, or of a group."""
    from olmo_eval.results.baseline import clear_baseline

    there = clear_baseline(results, group)
    click.echo(f"{_of(group)} has no baseline {'any more' if there else 'that was set'}")


def _of(group: str | None) -> str:
    return "the store" if group is None else f"group {group}"
