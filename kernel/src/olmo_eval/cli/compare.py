"""``olmo-eval compare``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import click

from olmo_eval.cli.options import json_option, results_option


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@results_option
@click.option("-t", "--task", "tasks", multiple=True, help="Compare only this task. Repeatable.")
@click.option(
    "--show",
    type=click.Choice(["regressed", "improved", "all"]),
    help="Also show the questions that flipped, with both answers.",
)
@click.option("-n", "--count", default=5, show_default=True, help="Questions to show a task.")
@click.option("--margin", type=float, help="Ask for equivalence within this difference.")
@click.option("--allow-different", multiple=True, metavar="INPUT", help="An input that may differ.")
@json_option
def compare(
    run_a: str,
    run_b: str,
    results: str,
    tasks: Sequence[str],
    show: str | None,
    count: int,
    margin: float | None,
    allow_different: Sequence[str],
    as_json: bool,
) -> None:
    """Compare candidate RUN_B with baseline RUN_A, question by question.

    A run is a path, the beginning of an id, or a query: model=step1000,group=nightly,latest.
    """
    from olmo_eval.cli.show import print_comparison, print_flips, print_json
    from olmo_eval.results.compare import compare as compare_runs

    found = compare_runs(
        run_a,
        run_b,
        results=results,
        tasks=tasks,
        margin=margin,
        allow_different=allow_different,
    )
    if as_json:
        data = found.to_dict()
        if show:
            data["flips"] = {
                t.name: [f.to_dict() for f in found.flips(t.name, show)] for t in found.tasks
            }
        print_json(data)
        return
    print_comparison(found)
    if show:
        for task in found.tasks:
            flips = list(found.flips(task.name, show))
            print_flips(task.name, list(islice(flips, count)), len(flips))
