"""``olmo-eval plan``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import OrderedCommand, json_option, results_option, reuse_by_name_option
from olmo_eval.cli.run import make_all, model_and_tasks
from olmo_eval.cli.sweep import Sweep

if TYPE_CHECKING:
    from olmo_eval.runner.forecast import TaskForecast


@click.command(cls=OrderedCommand)
@model_and_tasks
@results_option
@click.option("--fresh", is_flag=True, help="As if started anew.")
@click.option("--no-reuse", is_flag=True, help="As if no earlier answers were taken.")
@reuse_by_name_option
@json_option
@click.pass_context
def plan(
    ctx: click.Context, /, models: Sequence[str], results: str, as_json: bool, **options: Any
) -> None:
    """Show what `run` would do with the same options: reuse, ask, cost; and what n can tell."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.runner.forecast import forecast

    found = []
    sweep = Sweep(models)
    jobs = make_all(sweep, ctx.meta["ordered"], results, options)
    if not jobs:
        sweep.raise_failures()
    for model, job in jobs.items():
        state, tasks = forecast(job)
        found.append({"model": model, "state": state, "tasks": [t.to_dict() for t in tasks]})
        if not as_json:
            _print(model, state, tasks)
    if as_json:
        print_json(found)
    sweep.raise_failures()


def _print(model: str, state: str, tasks: Sequence[TaskForecast]) -> None:
    from olmo_eval.cli.show import table

    click.echo(f"{model}: {state}")
    right = "right"
    columns = [("task", "left"), ("n", right), ("done", right), ("reused", right), ("asked", right)]
    columns += [("requests", right), ("prompt tokens", right), ("new tokens <=", right)]
    columns += [("time", right), ("cost", right), ("MDE", right), ("why", "left")]
    table(columns, [_row(task) for task in tasks])
    asked, tokens = sum(t.asked for t in tasks), sum(t.prompt_tokens for t in tasks)
    click.echo(
        f"{asked:,} instances to ask, about {tokens:,} prompt tokens; MDE: paired difference "
        "detected with power 0.8 when 20% of the questions change"
    )


def _row(task: TaskForecast) -> list[str]:
    return [
        task.name,
        f"{task.instances:,}",
        f"{task.done:,}",
        f"{task.reused:,}",
        f"{task.asked:,}",
        f"{task.requests:,}",
        f"{task.prompt_tokens:,}",
        "-" if task.new_tokens is None else f"{task.new_tokens:,}",
        "-" if task.seconds is None else f"{task.seconds:,.0f} s",
        "-" if task.cost_usd is None else f"${task.cost_usd:,.2f}",
        f"{task.mde:.3f}",
        task.reason,
    ]
