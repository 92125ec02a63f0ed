"""``olmo-eval results prune`` and ``olmo-eval results pin``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from olmo_eval.cli.options import json_option, results_option
from olmo_eval.cli.results_list import moment


@click.command()
@click.option(
    "--older-than",
    "before",
    metavar="WHEN",
    callback=moment,
    help="Only runs begun before: 2026-06-01, 30d, 12h.",
)
@click.option("--group", help="Only runs of this group.")
@click.option("--model", help="Only runs of this model.")
@click.option("--task", help="Only runs with this task.")
@click.option("--status", help="Only runs that stand so: killed, failed, interrupted, ...")
@click.option("--keep-best", type=click.IntRange(1), help="Keep the N best of each group and task.")
@click.option("--keep-latest", type=click.IntRange(1), help="Keep the N newest of each group.")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
@results_option
@json_option
def prune(
    before: str | None,
    group: str | None,
    model: str | None,
    task: str | None,
    status: str | None,
    keep_best: int | None,
    keep_latest: int | None,
    yes: bool,
    results: str,
    as_json: bool,
) -> None:
    """List the runs that may go, and with --yes remove them for good.

    Runs that are pinned (`results pin`) or being made are kept.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.errors import UsageError
    from olmo_eval.results.prune import choose, remove
    from olmo_eval.results.store import Store

    asked = {"group": group, "model": model, "task": task, "status": status}
    wanted = {key: value for key, value in asked.items() if value is not None}
    if not (wanted or before or keep_best or keep_latest):
        raise UsageError(
            "which runs? Nothing says it", hint="--older-than 30d, --group G, --keep-best 3, ..."
        )
    store = Store(results)
    chosen = choose(
        store,
        wanted,
        before=before,
        keep_best=keep_best or 0,
        keep_latest=keep_latest or 0,
    )
    if yes:
        remove(store, chosen.go)
    if as_json:
        kept = {run.run_id: why for run, why in chosen.kept.items()}
        print_json({"removed": yes, "runs": [r.run_id for r in chosen.go], "kept": kept})
        return
    for run in chosen.go:
        click.echo(f"{run.run_id}   {run.model}   {run.facts.started[:19]}   {run.status}")
    for run, why in chosen.kept.items():
        click.echo(f"kept: {run.run_id} {why}")
    n = len(chosen.go)
    noun = "run" if n == 1 else "runs"
    click.echo(f"{n:,} {noun} removed" if yes else f"{n:,} {noun} would go: --yes removes them")


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--remove", is_flag=True, help="Take the pins away.")
@results_option
def pin(runs: Sequence[str], remove: bool, results: str) -> None:
    """Pin runs, which `results prune` then keeps; without RUN, list those that are pinned."""
    from olmo_eval.results.pins import pin as put
    from olmo_eval.results.pins import pinned, unpin
    from olmo_eval.results.store import Store

    if not runs:
        for name in sorted(pinned(results)):
            click.echo(name)
        return
    store = Store(results)
    for reference in runs:
        run = store.find(reference)
        if remove:
            unpin(results, run.run_id)
        else:
            put(results, run.run_id)
        click.echo(f"{run.run_id} is {'no longer ' if remove else ''}pinned")
