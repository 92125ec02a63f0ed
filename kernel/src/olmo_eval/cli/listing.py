"""The commands that list what is registered, and who registered it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import filter_option, json_option
from olmo_eval.common.figures import counted

if TYPE_CHECKING:
    from olmo_eval.registry import Entry


def entries(kind: str, filter_: str) -> list[dict[str, Any]]:
    """Every name of a kind that contains ``filter_``, with who supplies it. Imports nothing."""
    return [_row(entry) for entry in _entries(kind, filter_)]


def _entries(kind: str, filter_: str) -> list[Entry[Any]]:
    from olmo_eval.plugins import manager

    return [e for e in manager().registry(kind).entries() if filter_.lower() in e.name.lower()]


def _row(entry: Entry[Any]) -> dict[str, Any]:
    target = entry.target if entry.lazy else _place(entry.target)
    return {"name": entry.name, **entry.owner.to_dict(), "target": target}


def _place(target: Any) -> str:
    place = target if isinstance(target, type) or callable(target) else type(target)
    name = getattr(place, "__qualname__", type(place).__qualname__)
    return f"{getattr(place, '__module__', '')}:{name}"


def _print(kind: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    if as_json:
        print_json(rows)
        return
    shown = [key for key in rows[0] if key not in ("version", "target")] if rows else []
    if not any(row.get("access") for row in rows):
        shown = [key for key in shown if key != "access"]
    cells = [[_cell(row, key) for key in shown] for row in rows]
    if not rows:
        click.echo(f"no {kind} found")
        return
    titles = [(key.replace("_", " "), "left") for key in shown]
    table(titles, cells, folding=("description", "tools", "model"))
    if kind == "tasks":
        click.echo(f"\n{counted(len(rows), 'task')}; --variants shows their variants")


def _cell(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if key == "distribution":
        return f"{value} {row['version']}".strip()
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _command(
    kind: str, text: str, describe: Callable[[Entry[Any]], dict[str, Any]]
) -> click.Command:
    @click.command(kind, help=text)
    @filter_option
    @json_option
    def command(filter_: str, as_json: bool) -> None:
        rows = [{**_row(entry), **describe(entry)} for entry in _entries(kind, filter_)]
        _print(kind, rows, as_json)

    return command


def _described(entry: Entry[Any]) -> dict[str, Any]:
    from olmo_eval.cli.descriptions import description_of

    return {"description": description_of(entry.target)}


def _suite(entry: Entry[Any]) -> dict[str, Any]:
    from olmo_eval.errors import OlmoEvalError
    from olmo_eval.plugins import manager

    suite = manager().registry("suites").resolve(entry)
    tasks = None
    try:
        tasks = len(suite.expand())
    except OlmoEvalError as error:  # one bad suite does not hide the others
        click.echo(f"note: {entry.qualified}: {error.message}", err=True)
    return {
        "tasks": tasks,
        "aggregation": str(suite.aggregation),
        "description": suite.description,
    }


def _model(entry: Entry[Any]) -> dict[str, Any]:
    from olmo_eval.plugins import manager

    config = manager().registry("models").resolve(entry)
    return {"model": config.model, "provider": config.provider or ""}


def _harness(entry: Entry[Any]) -> dict[str, Any]:
    from olmo_eval.plugins import manager

    config = manager().registry("harnesses").resolve(entry)
    tools = [t["name"] if isinstance(t, dict) else getattr(t, "name", t) for t in config.tools]
    backends = [sandbox.backend for sandbox in config.sandboxes]
    return {"scaffold": config.scaffold or "", "tools": tools, "sandboxes": backends}


suites = _command("suites", "List suites.", _suite)
models = _command("models", "List model presets.", _model)
harnesses = _command("harnesses", "List harness presets.", _harness)
scaffolds = _command("scaffolds", "List scaffolds.", _described)
providers = _command("providers", "List inference providers.", _described)
sandboxes = _command("sandboxes", "List sandbox backends.", _described)
tools = _command("tools", "List tools.", _described)
metrics = _command(
    "metrics", "List the metrics that -o metrics=[NAME:SCORER, ...] may name.", _described
)
formatters = _command(
    "formatters", "List the formatters that -o formatter=NAME may name.", _described
)
scorers = _command("scorers", "List scorers.", _described)
judges = _command("judges", "List judges.", _described)
executors = _command("executors", "List executors.", _described)
importers = _command(
    "importers", "List the logs that `results import` reads, by their programs.", _described
)
exporters = _command(
    "exporters", "List the formats that `results transcript --format` writes.", _described
)


@click.command()
@filter_option
@click.option("--variants", is_flag=True, help="Show variants too (imports the listed tasks).")
@json_option
def tasks(filter_: str, variants: bool, as_json: bool) -> None:
    """List tasks, and which of them need data that is gated or private.

    Without --variants no benchmark is imported.
    """
    rows = [{**_row(e), "access": e.access, **_described(e)} for e in _entries("tasks", filter_)]
    if variants:
        from olmo_eval.evals.tasks.common.registry import variants_of
        from olmo_eval.evals.tasks.common.spec import TaskSpec, task_class

        for row in rows:
            task_class(TaskSpec(row["name"], distribution=row["distribution"]))
            row["variants"] = variants_of(row["name"], row["distribution"])
    _print("tasks", rows, as_json)


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """Show every plugin: who provides what, and what failed to load and why."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.evals.tasks.common.registry import contested_variants
    from olmo_eval.plugins import KINDS, manager

    mine = manager()
    mine.collect_all()
    provides: dict[str, dict[str, list[str]]] = {}
    for kind in KINDS:
        for entry in mine.registries[kind].entries():
            owned = provides.setdefault(entry.owner.distribution, {})
            owned.setdefault(kind, []).append(entry.name)
    rows = [
        {
            "plugin": plugin.name,
            **plugin.owner.to_dict(),
            "module": plugin.module.__name__,
            "origin": plugin.origin,
            "provides": provides.get(plugin.owner.distribution, {}),
        }
        for plugin in mine.plugins
    ]
    failures = [{"plugin": f.name, **f.owner.to_dict(), "reason": f.reason} for f in mine.failures]
    clashes = {
        f"{KINDS[kind]} {name}": [owner.to_dict() for owner in owners]
        for kind in KINDS
        if kind != "variants"  # a task's own are no claim to another's of that name
        for name, owners in mine.registries[kind].collisions().items()
    }
    for name, owners in contested_variants().items():
        clashes[f"variant {name}"] = [owner.to_dict() for owner in owners]
    if as_json:
        print_json({"plugins": rows, "failures": failures, "collisions": clashes})
        return
    _print_plugins(rows, failures, clashes)


def _print_plugins(
    rows: list[dict[str, Any]],
    failures: list[dict[str, Any]],
    clashes: dict[str, list[dict[str, Any]]],
) -> None:
    for row in rows:
        click.echo(f"{row['distribution']} {row['version']} ({row['module']}, {row['origin']})")
        for kind, names in row["provides"].items():
            some = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            click.echo(f"    {kind:<14} {some}")
    for failure in failures:
        owner = f"{failure['distribution']} {failure['version']}".strip()
        click.echo(f"failed: {failure['plugin']} ({owner}): {failure['reason']}")
    for name, owners in clashes.items():
        claimed = " and ".join(owner["distribution"] for owner in owners)
        click.echo(f"claimed twice: {name}, by {claimed}")
