"""``olmo-eval results rescore-history``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.runner.history import History, TaskHistory


@click.command("rescore-history")
@click.option(
    "--with",
    "scorer",
    required=True,
    metavar="SCORER",
    help="A registered scorer, module:Class or file.py:Class.",
)
@click.option("--in-place-of", metavar="NAME", help="The scorer it would replace; else its name.")
@click.option("-t", "--task", help="Only this task.")
@click.option("--where", default="", metavar="QUERY", help="Only runs such as group=nightly.")
@results_option
@json_option
def rescore_history(
    scorer: str,
    in_place_of: str | None,
    task: str | None,
    where: str,
    results: str,
    as_json: bool,
) -> None:
    """What another scorer would change in the runs of a store, asking no model.

    Before a scorer is changed: which instances would flip, how scores would move, and which
    verdicts between neighbouring runs of a group would be others. Nothing is written.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.store import Store
    from olmo_eval.runner.history import rescore_history as scored_anew
    from olmo_eval.runner.recorded import find_scorer

    store = Store(results)
    runs = store.find_all(where) if where else store.runs()
    found = scored_anew(runs, find_scorer(scorer), in_place_of, task)
    if as_json:
        print_json(found.to_dict())
        return
    _show(found)


def _show(found: History) -> None:
    from olmo_eval.cli.table import table

    columns = (
        ("run", "left"), ("task", "left"), ("metric", "left"), ("recorded", "right"),
        ("with it", "right"), ("better", "right"), ("worse", "right"), ("n", "right"),
        ("flipped", "left"),
    )  # fmt: skip
    table(columns, [_row(one) for one in found.tasks])
    n = sum(one.n for one in found.tasks)
    flips = sum(one.gained + one.lost for one in found.tasks)
    click.echo(f"{flips:,} of {n:,} instances flip")
    for one in found.flipped:
        click.echo(
            f"{one.task}: {one.b.run_id} against {one.a.run_id} was {one.before}, and is "
            f"{one.after} with it"
        )
    verdicts = "1 verdict" if found.verdicts == 1 else f"{found.verdicts:,} verdicts"
    click.echo(f"{len(found.flipped):,} of {verdicts} between neighbouring runs flip")
    for task in found.tasks:
        for count, what in (
            (task.failed, f"the scorer fails on them: {task.problem}"),
            (task.unlike, "the replaced scorer, as it is here, does not give what was recorded"),
        ):
            if count:
                click.echo(f"{task.run.run_id} {task.task}: {count:,} left as recorded, {what}")
    for line in found.left_out:
        click.echo(f"left out: {line}")


def _row(one: TaskHistory) -> list[str]:
    from olmo_eval.common.figures import number

    return [
        one.run.run_id, one.task, one.metric, number(one.before), number(one.after),
        f"{one.gained:,}", f"{one.lost:,}", f"{one.n:,}", ", ".join(one.flipped[:2]),
    ]  # fmt: skip
