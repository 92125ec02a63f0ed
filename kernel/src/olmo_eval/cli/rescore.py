"""``olmo-eval rescore``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from olmo_eval.cli.options import (
    OrderedCommand,
    fail_if_missing_option,
    json_option,
    results_option,
    strict_option,
)


@click.command(cls=OrderedCommand)
@click.argument("run")
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task. Repeatable.")
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="New setting of the -t before it, or of all tasks.",
)
@click.option("--name", help="Name of the new run.")
@fail_if_missing_option
@strict_option
@results_option
@json_option
@click.pass_context
def rescore(
    ctx: click.Context,
    /,
    run: str,
    tasks: Sequence[str],
    overrides: Sequence[str],
    name: str | None,
    fail_if_missing: float,
    strict: bool,
    results: str,
    as_json: bool,
) -> int:
    """Score RUN's recorded outputs again, with other extraction, scorers or metrics.

    Makes a new run and asks no model anything.
    """
    from olmo_eval.cli.run import missing_too_many, see_through, show_runs, unusual
    from olmo_eval.plugins import manager
    from olmo_eval.runner.spec import RunSpec, TaskRequest

    bound: list[tuple[str, list[str]]] = []
    for_all: list[str] = []
    for option, value in ctx.meta["ordered"]:
        if option == "tasks":
            bound.append((value, []))
        else:
            (bound[-1][1] if bound else for_all).append(value)
    spec = RunSpec(
        kind="rescore",
        rescored=run,
        tasks=[TaskRequest(task, given) for task, given in bound],
        overrides=for_all,
        plugins=manager().asked_for,
        name=name,
        results=results,
    )
    done = see_through(spec, "local")
    show_runs([done], as_json)
    return missing_too_many([done], fail_if_missing) or unusual([done], strict)
