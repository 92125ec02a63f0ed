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
    from olmo_eval.cli.run import missing_too_many, show_runs, unusual
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.results.store import Store
    from olmo_eval.runner.evaluate import run_job
    from olmo_eval.runner.plan import TaskRequest
    from olmo_eval.runner.progress import make_progress
    from olmo_eval.runner.rescore import rescore_job

    requests: list[TaskRequest] = []
    for_all = []
    for option, value in ctx.meta["ordered"]:
        if option == "tasks":
            requests.append(TaskRequest(value))
        elif requests:
            last = requests[-1]
            bound = (*last.overrides, parse_override(value))
            requests[-1] = TaskRequest(last.spec, bound)
        else:
            for_all.append(parse_override(value))
    job = rescore_job(Store(results).find(run), requests, for_all, results=results, name=name)
    progress = make_progress()
    try:
        done = run_job(job, progress)
    finally:
        progress.close()
    show_runs([done], as_json)
    return missing_too_many([done], fail_if_missing) or unusual([done], strict)
