"""``olmo-eval variants``: what every variant of a task sets, and who registered it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from olmo_eval.cli.options import filter_option, json_option

#: characters of the settings in a table; --json shows them whole
_WIDTH = 100


@click.command()
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@filter_option
@json_option
def variants(tasks: tuple[str, ...], filter_: str, as_json: bool) -> None:
    """List the variants of TASKs (of every task by default), who registered them, what they set.

    The modules of these tasks are imported.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    rows = [
        row
        for name, distribution in _tasks(tasks)
        for row in _variants(name, distribution)
        if filter_.lower() in row["name"].lower()
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no variants found")
    else:
        table(
            [("name", "left"), ("distribution", "left"), ("sets", "left")],
            [
                [row["name"], f"{row['distribution']} {row['version']}".strip(), _said(row["sets"])]
                for row in rows
            ],
        )


def _tasks(specs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(name, distribution) of the tasks that ``specs`` name, or of every one."""
    from olmo_eval.evals.tasks.common.spec import parse_spec, task_owner
    from olmo_eval.plugins import manager

    for text in specs:
        spec = parse_spec(text)
        yield spec.name, task_owner(spec).distribution
    if not specs:
        for entry in manager().registry("tasks").entries():
            yield entry.name, entry.owner.distribution


def _variants(name: str, distribution: str) -> Iterator[dict[str, Any]]:
    from olmo_eval.common.convert import to_json
    from olmo_eval.errors import OlmoEvalError
    from olmo_eval.evals.tasks.common.registry import claims_of_variant, settings_of, variants_of
    from olmo_eval.evals.tasks.common.spec import TaskSpec, task_class

    task_class(TaskSpec(name, distribution=distribution))
    for variant in variants_of(name, distribution):
        for claim in claims_of_variant(name, variant, distribution):
            row = {"name": claim.name, "task": name, "variant": variant, **claim.owner.to_dict()}
            try:
                yield {**row, "sets": to_json(settings_of(claim))}
            except OlmoEvalError as error:  # one bad variant does not hide the others
                click.echo(f"note: {error.message}", err=True)


def _said(settings: Mapping[str, Any]) -> str:
    """Settings on one line; of what has settings of its own, only the class."""
    parts = []
    for key, value in settings.items():
        values = value if isinstance(value, list) else [value]
        shown = [
            v["class"].rpartition(":")[2] if isinstance(v, Mapping) and "class" in v else repr(v)
            for v in values
        ]
        text = ", ".join(shown)
        parts.append(f"{key}={f'[{text}]' if isinstance(value, list) else text}")
    text = ", ".join(parts)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
