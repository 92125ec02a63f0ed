"""``olmo-eval rescore``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from olmo_eval.cli.options import (
    FiniteRange,
    OrderedCommand,
    fail_if_missing_option,
    json_option,
    override_option,
    results_option,
    strict_option,
)


@click.command(cls=OrderedCommand)
@click.argument("run")
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task. Repeatable.")
@override_option("New setting of the -t before it, or of all tasks.")
@click.option("--judge", metavar="MODEL", help="Model of the judges, as `run -m` names it.")
@click.option("--name", help="Name of the new run.")
@click.option("--max-cost", type=FiniteRange(0), metavar="USD", help="End when judges cost more.")
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
    judge: str | None,
    name: str | None,
    max_cost: float | None,
    fail_if_missing: float,
    strict: bool,
    results: str,
    as_json: bool,
) -> int:
    """Score RUN's recorded outputs again, with other extraction, scorers, metrics or judges.

    Makes a new run and asks the evaluated model nothing. Settings of the harness that only scoring
    looks at (judges, auxiliary_providers, sandboxes) go to it wherever they stand.
    """
    from olmo_eval.cli.run import missing_too_many, see_through, show_runs, unusual
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.plugins import manager
    from olmo_eval.runner.resolve import split_overrides
    from olmo_eval.runner.spec import RunSpec, TaskRequest

    bound: list[tuple[str, list[str]]] = []
    for_all: list[str] = []
    for option, value in ctx.meta["ordered"]:
        if option == "tasks":
            bound.append((value, []))
        else:
            of_harness = split_overrides([parse_override(value)])[1]
            (bound[-1][1] if bound and not of_harness else for_all).append(value)
    spec = RunSpec(
        kind="rescore",
        rescored=run,
        tasks=[TaskRequest(task, given) for task, given in bound],
        overrides=for_all,
        judge=judge,
        max_cost=max_cost,
        plugins=manager().asked_for,
        name=name,
        results=results,
    )
    done = see_through(spec, "local")
    show_runs([done], as_json)
    return missing_too_many([done], fail_if_missing) or unusual([done], strict)
