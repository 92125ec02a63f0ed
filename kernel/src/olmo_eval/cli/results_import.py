"""``olmo-eval results import``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.interchange.losses import Losses
    from olmo_eval.results.store import Run

#: kinds of losses that are named
_NAMED = 12


@click.command("import")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    help="Whose log it is, where that is not plain: `olmo-eval importers` lists them.",
)
@click.option("--model", help="The model's name, in place of the one in the log.")
@click.option("--step", type=click.IntRange(0), help="The training step, where the log has none.")
@click.option("--name", help="Name of the runs.")
@click.option("--group", help="Group of the runs.")
@click.option(
    "--lower-is-better",
    "lower",
    multiple=True,
    metavar="METRIC",
    help="A metric of which less is better. Repeatable.",
)
@click.option("--primary", metavar="METRIC", help="The metric that stands for its task.")
@click.option("--fresh", is_flag=True, help="Import anew what was imported already.")
@results_option
@json_option
def import_(
    paths: Sequence[Path],
    format_: str | None,
    model: str | None,
    step: int | None,
    name: str | None,
    group: str | None,
    lower: Sequence[str],
    primary: str | None,
    fresh: bool,
    results: str,
    as_json: bool,
) -> None:
    """Make runs of other programs' logs, with the scores that those gave.

    They are shown, compared, exported and queried like any run. What a log holds and a run has no
    place for is said. PATH is a file or a folder; what was imported before is not imported again.
    """
    from olmo_eval.cli.results import run_json
    from olmo_eval.cli.show import print_json
    from olmo_eval.errors import DataError
    from olmo_eval.interchange.importer import importer_of
    from olmo_eval.plugins import manager
    from olmo_eval.runner.importing import ImportOptions, keep

    options = ImportOptions(results, model, step, name, group, lower, primary, fresh)
    shown = []
    for path in paths:
        called, importer = importer_of(path, format_)
        owner = manager().registry("importers").entry(called).owner
        found = 0
        for imported in importer.read(path):
            kept = keep(imported, called, owner, options, _tell)
            shown.append({**run_json(kept.run), "imported_from": kept.run.record["imported_from"]})
            if not as_json:
                _print(kept.run, kept.known, imported.losses, first=len(shown) == 1)
            found += 1
        if not found:
            raise DataError(f"{path} holds no run")
    if as_json:
        print_json(shown)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _print(run: Run, known: bool, losses: Losses, *, first: bool) -> None:
    from olmo_eval.cli.show import print_scores

    click.echo("" if first else "\n", nl=False)
    print_scores(run, run.scores())
    for remark in run.record.get("remarks", ()):
        click.echo(f"note: {remark}")
    if known:
        click.echo("it was imported before: --fresh imports it anew")
        return
    for line in losses.assumed:
        click.echo(f"note: {line}")
    lost = losses.lines()
    if lost:
        more = [f"{len(lost) - _NAMED} more"] if len(lost) > _NAMED else []
        click.echo(f"left behind: {', '.join([*lost[:_NAMED], *more])}")
    click.echo(f"results: {run.location}")
