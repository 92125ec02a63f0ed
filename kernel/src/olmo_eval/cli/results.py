"""``olmo-eval results``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.instances import instances
from olmo_eval.cli.options import json_option, results_option
from olmo_eval.cli.results_export import export, query
from olmo_eval.cli.results_history import rescore_history
from olmo_eval.cli.results_import import import_
from olmo_eval.cli.results_list import list_
from olmo_eval.cli.results_prune import pin, prune
from olmo_eval.cli.results_table import table
from olmo_eval.cli.transcript import transcript

if TYPE_CHECKING:
    from olmo_eval.results.store import Run


@click.group()
def results() -> None:
    """Runs and their scores."""


for _command in (
    *(export, import_, instances, list_, pin, prune, query, rescore_history, table, transcript),
):
    results.add_command(_command)


def run_json(run: Run) -> dict[str, Any]:
    """A run as JSON: what it is, its status and every row of its metrics table."""
    record = run.record
    return {
        "run_id": run.run_id,
        "location": run.location,
        "status": run.status,
        "model": run.model,
        "step": record.get("model", {}).get("step"),
        "group": record.get("group"),
        "name": record.get("name"),
        "started": record.get("started"),
        "health": {e["name"]: e["health"] for e in record.get("tasks", ()) if e.get("health")},
        "outcomes": {e["name"]: e.get("outcomes", {}) for e in record.get("tasks", ())},
        "metrics": run.metrics().to_pylist(),
    }


@results.command()
@click.argument("run")
@results_option
@click.option("--all", "every", is_flag=True, help="Every metric, not only the primary ones.")
@json_option
def show(run: str, results: str, every: bool, as_json: bool) -> None:
    """Show the scores of RUN: a path, the beginning of an id, or model=...,group=...,latest."""
    from olmo_eval.cli.show import print_json, print_scores, red
    from olmo_eval.results.health import divergence
    from olmo_eval.results.store import Store

    found = Store(results).find(run)
    if as_json:
        print_json(run_json(found))
        return
    print_scores(found, found.scores(), every=every)
    diverged = divergence(found.record)
    if diverged:
        click.echo(red(diverged))


@results.command()
@click.argument("run")
@results_option
@json_option
def metrics(run: str, results: str, as_json: bool) -> None:
    """Show how fast RUN was: tokens, tokens a second, latencies, and where the time went; and how
    wrong `plan --effect` was about it."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.sizing import check_lines, check_plans
    from olmo_eval.results.speed import inference_metrics
    from olmo_eval.results.store import Store

    store = Store(results)
    found = store.find(run)
    measured, checks = inference_metrics(found), check_plans(store, found)
    if as_json:
        head = {"run_id": found.run_id, "model": found.model}
        plans = {"plans": [check.to_dict() for check in checks]} if checks else {}
        print_json({**head, **measured.to_dict(), **plans})
        return
    click.echo(f"{found.model}   run {found.run_id}")
    for name, value in measured.to_dict().items():
        unit = " s" if name in _SECONDS else ""
        if isinstance(value, dict):
            shown = ", ".join(f"{k} {_figure(v)}{unit}" for k, v in value.items()) or "-"
        else:
            shown = "-" if value is None else f"{_figure(value)}{unit}"
        click.echo(f"  {name.replace('_', ' '):<22} {shown}")
    for line in check_lines(checks):
        click.echo(f"plan: {line}")


@results.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@results_option
def convert(runs: tuple[str, ...], results: str) -> None:
    """Write each RUN of an older schema version anew, in its place, in the present one."""
    from olmo_eval.results.convert import convert as convert_run
    from olmo_eval.results.store import Store

    for reference in runs:
        found = convert_run(Store(results).find(reference))
        click.echo(f"run {found.run_id} is of version {found.version} now")


_SECONDS = frozenset({"load", "evaluate", "engine", "harness", "first_result", "latency"})


def _figure(value: float) -> str:
    """Whole numbers in full, others to four digits: never in powers of ten where they are large."""
    return f"{value:,.0f}" if isinstance(value, int) or value >= 1000 else f"{value:.4g}"
