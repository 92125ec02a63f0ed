"""``olmo-eval suite``."""

from __future__ import annotations

import click

from olmo_eval.cli.options import json_option
from olmo_eval.common.figures import counted


@click.group()
def suite() -> None:
    """Suites."""


@suite.command()
@click.argument("name")
@json_option
def inspect(name: str, as_json: bool) -> None:
    """Show a suite's members, and which of them cannot be resolved."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table
    from olmo_eval.errors import OlmoEvalError
    from olmo_eval.evals.tasks.common.spec import parse_spec, task_config
    from olmo_eval.plugins import manager

    found = manager().registry("suites").get(name)
    rows = []
    for spec in found.expand():
        try:
            config = task_config(parse_spec(spec))
            primary = config.primary().metric_name
            rows.append({"task": spec, "metric": primary, "problem": None})
        except OlmoEvalError as error:
            problem = f"{error.message}{f' ({error.hint})' if error.hint else ''}"
            rows.append({"task": spec, "metric": None, "problem": problem})
    if as_json:
        description = {"name": found.name, "aggregation": str(found.aggregation)}
        print_json({**description, "description": found.description, "tasks": rows})
        return
    told = f"{found.name}: {found.aggregation}, {counted(len(rows), 'task')}. {found.description}"
    click.echo(told.rstrip())
    table(
        [("task", "left"), ("metric", "left"), ("", "left")],
        [(r["task"], r["metric"] or "-", r["problem"] or "") for r in rows],
    )
