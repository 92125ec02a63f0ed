"""``olmo-eval plan``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import (
    FiniteRange,
    OrderedCommand,
    json_option,
    results_option,
    reuse_by_name_option,
)
from olmo_eval.cli.run import model_and_tasks, resolve_all
from olmo_eval.cli.specs import specs_of
from olmo_eval.cli.sweep import Sweep
from olmo_eval.common.figures import counted
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.cli.plan_effect import Wanted
    from olmo_eval.runner.forecast import TaskForecast
    from olmo_eval.runner.spec import RunSpec


@click.command(cls=OrderedCommand)
@model_and_tasks(required=True)
@results_option
@click.option("--fresh", is_flag=True, help="As if started anew.")
@click.option("--no-reuse", is_flag=True, help="As if no earlier answers were taken.")
@reuse_by_name_option
@click.option(
    "--effect",
    type=FiniteRange(0, min_open=True),
    help="Also say what finding a difference of so much takes: questions, samples, dollars.",
)
@click.option(
    "--power", type=FiniteRange(0, 1), default=0.8, show_default=True, help="Chance to find it."
)
@click.option("--against", "baseline", metavar="RUN", help="The run it is to be a difference from.")
@json_option
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    models: Sequence[str],
    effect: float | None,
    power: float,
    baseline: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what `run` would do with the same options: reuse, ask, cost; and what n can tell.

    --effect keeps its plan in the store: afterwards `olmo-eval results metrics RUN` says how wrong
    it was.
    """
    from olmo_eval.cli.plan_effect import Wanted
    from olmo_eval.runner.resolve import resolving_once

    if baseline is not None and effect is None:
        raise UsageError("--against is for --effect", hint="add --effect 0.01")
    specs = specs_of(models, ctx.meta["ordered"], options)
    wanted = None if effect is None else Wanted(effect, power, baseline)
    with resolving_once():
        show_plans(Sweep(tuple(specs)), specs, as_json, wanted)


def show_plans(
    sweep: Sweep, specs: Mapping[str, RunSpec], as_json: bool, wanted: Wanted | None = None
) -> None:
    """Print what the runs of the specs would do, and what finding the ``wanted`` effect takes.

    Raises:
        OlmoEvalError: some of them would be refused.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.runner.forecast import forecast

    for spec in specs.values():
        if spec.kind != "run":
            raise UsageError(
                f"a plan is of tasks that a model is asked, which a run of kind {spec.kind!r} has "
                "none of"
            )
    found: list[dict[str, Any]] = []
    jobs = resolve_all(sweep, specs)
    if not jobs:
        sweep.raise_failures()
    for model, job in jobs.items():
        state, tasks = forecast(job)
        found.append({"model": model, "state": state, "tasks": [t.to_dict() for t in tasks]})
        sized = [] if wanted is None else wanted.sizes(job)
        if wanted is not None:
            found[-1]["effect"] = [size.to_dict() for size in sized]
        if not as_json:
            _print(model, state, tasks)
            if wanted is not None:
                wanted.show(sized)
    if as_json:
        print_json(found)
    sweep.raise_failures()


def _print(model: str, state: str, tasks: Sequence[TaskForecast]) -> None:
    from olmo_eval.cli.table import table
    from olmo_eval.results.statistics.adequacy import small_sample

    click.echo(f"{model}: {state}")
    right = "right"
    columns = [("task", "left"), ("n", right), ("done", right), ("reused", right), ("asked", right)]
    columns += [("requests", right), ("prompt tokens", right), ("new tokens <=", right)]
    columns += [("time", right), ("cost", right), ("MDE", right), ("why", "left")]
    table(columns, [_row(task) for task in tasks])
    asked, tokens = sum(t.asked for t in tasks), sum(t.prompt_tokens for t in tasks)
    click.echo(
        f"{counted(asked, 'instance')} to ask, about {tokens:,} prompt tokens; MDE: paired "
        "difference detected with power 0.8 when 20% of the questions change"
    )
    for task in tasks:
        few = small_sample(task.instances, task.clusters)
        if few is not None:
            click.echo(f"note: {task.name}: {few}")


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
