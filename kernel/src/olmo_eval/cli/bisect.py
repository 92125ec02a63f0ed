"""``olmo-eval bisect``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import OrderedCommand, json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.runner.bisect import Bisection


@click.command(cls=OrderedCommand)
@click.argument("checkpoints", nargs=-1, required=True, metavar="CKPTS...")
@click.option("-t", "--task", "tasks", multiple=True, required=True, help="The task to follow.")
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting of the -t or --harness before it.",
)
@click.option("-H", "--harness", help="Harness preset.")
@click.option("--harness-config", metavar="FILE", help="Harness from a YAML file.")
@click.option("--provider", metavar="KIND", help="Inference provider.")
@click.option("--limit", type=click.IntRange(1), help="Instances of the task: a seeded subset.")
@click.option("--seed", type=int, help="Seed of subsets and of sampling.")
@click.option("--name", help="Name of the runs.")
@click.option("--group", help="Group of runs they belong to.")
@results_option
@json_option
@click.pass_context
def bisect(
    ctx: click.Context, /, checkpoints: Sequence[str], as_json: bool, **options: Any
) -> None:
    """Find the checkpoint at which a task broke, or was learned, with the fewest evaluations.

    CKPTS are checkpoints, or the folder that they are in; their names say their steps. The first
    and the last are evaluated; then the one in the middle of what is left, in random order, until
    it is clear which of the two it is like. Rerunning resumes.
    """
    from olmo_eval.cli.run import see_through
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.specs import specs_of
    from olmo_eval.runner.bisect import bisect as find
    from olmo_eval.runner.bisect import in_order, most_evaluated
    from olmo_eval.runner.resolve import resolving_once

    models = in_order(checkpoints)
    (spec,) = specs_of(models[:1], ctx.meta["ordered"], {**options, "step": None}).values()
    if len(models) > 1:
        click.echo(
            f"{len(models):,} checkpoints, of which at most {most_evaluated(len(models))} are "
            "evaluated",
            err=True,
        )
    with resolving_once():
        found = find(spec, models, lambda one: see_through(one, "local"))
    if as_json:
        print_json(found.to_dict())
        return
    _print(found)


def _print(found: Bisection) -> None:
    from olmo_eval.cli.table import table

    columns = (("checkpoint", "left"), ("like the", "left"), ("asked", "right"), ("", "left"))
    rows = [
        [
            one.model,
            one.like,
            f"{one.asked:,} of {one.questions:,}",
            "" if one.certain else "not decided: the side its score is on",
        ]
        for one in found.midpoints
    ]
    if rows:
        table(columns, rows)
    row = found.between
    changed = "broke" if row.verdict.kind == "worse" else "improved"
    click.echo(
        f"{row.name} {changed} between {found.before} and {found.after}"
        f"{'' if found.certain else ' (likely: see the checkpoints that were not decided)'}"
    )
    click.echo(
        f"first against last: {row.verdict.sentence()}; {found.evaluated} of "
        f"{found.checkpoints} checkpoints evaluated"
    )
