"""``olmo-eval task check``: whether tasks can be trusted, found out without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from olmo_eval.cli.options import filter_option, json_option
from olmo_eval.errors import OlmoEvalError, UsageError


@click.command()
@click.argument("specs", nargs=-1, metavar="SPEC...")
@click.option("--all", "every", is_flag=True, help="Every task, and each of its variants.")
@filter_option
@click.option("-n", "--sample", default=200, show_default=True, help="Instances to look at.")
@click.option("--strict", is_flag=True, help="Warnings and missing data fail too.")
@json_option
def check(
    specs: Sequence[str], every: bool, filter_: str, sample: int, strict: bool, as_json: bool
) -> int:
    """Check tasks without a model.

    A model that knows the answers must score 1, an empty answer 0, the answers of other questions
    what guessing scores; the answer must not stand in the prompt; ids must be unique, follow from
    the data and be the same in another process; no question may stand there twice with different
    answers; every question must reach its prompt; few-shot examples must be as many as asked for
    and never the question itself; stop sequences and max_tokens must leave room for the answer;
    extraction must find a number however it is written. It says what share of the gold solutions
    the task's own stop sequences cut. Exits with 1 where a check finds an error.

    With --all, one line a task: those whose data is at hand are checked, on all processors; of the
    others it says what is missing.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.evals.tasks.check.workers import check_rows
    from olmo_eval.evals.tasks.common import build_task
    from olmo_eval.results.redact import Redactor

    if not specs and not every:
        raise UsageError("which task?", hint="name a spec such as gsm8k:olmo3base, or use --all")
    wanted = [*specs, *(_registered(filter_) if every else ())]
    if sample < 1:
        raise UsageError(f"--sample must be at least 1, got {sample}")
    rows = []
    for spec in specs:
        build_task(spec)  # a misspelt name ends it here; among all tasks it is one more finding
    redact = Redactor()
    for found in check_rows(list(dict.fromkeys(wanted)), sample):
        row = redact.value(found)
        rows.append(row)
        if not as_json:
            click.echo(_line(row) + (f"  {_summed_up(row)}" if every else "").rstrip())
            if not every:
                _print_details(row)
    if as_json:
        print_json(rows)
    else:
        _summary(rows)
    failing = {"error"} | ({"warning", "data missing"} if strict else set())
    return int(any(row["verdict"] in failing for row in rows))


def _registered(filter_: str) -> Iterator[str]:
    """Every task that contains ``filter_``, each with every one of its variants."""
    from olmo_eval.cli.listing import entries
    from olmo_eval.evals.tasks.common.registry import variants_of
    from olmo_eval.evals.tasks.common.spec import TaskSpec, task_class

    for entry in entries("tasks", filter_):
        yield entry["name"]
        try:
            task_class(TaskSpec(entry["name"], distribution=entry["distribution"]))
        except OlmoEvalError:
            continue  # reported where the task itself is looked at
        for variant in variants_of(entry["name"], entry["distribution"]):
            yield f"{entry['name']}:{variant}"


def _line(row: dict[str, Any]) -> str:
    problems = _problems(row)
    count = f"{len(problems)} finding{'s' if len(problems) > 1 else ''}"
    said = {"ok": "ok", "data missing": "data missing"}.get(row["verdict"], count)
    seen = f"{row['looked_at']:,} of {row['total']:,}" if row["total"] else ""
    return f"{said:<13} {row['task']:<48} {seen}".rstrip()


def _problems(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [f for f in row["findings"] if f["severity"] != "note"]


def _summed_up(row: dict[str, Any]) -> str:
    """What is behind a row's verdict, on one line."""
    problems = [f"{f['severity']} {f['check']}: {f['message']}" for f in _problems(row)]
    if "reason" in row:
        problems.append(f"error: {row['reason']}" if row["verdict"] == "error" else row["reason"])
    return "; ".join([*problems, *_cut_by_stops(row)])


def _cut_by_stops(row: dict[str, Any]) -> list[str]:
    cut = row["stop_cut"]
    if not cut or not cut["cut"]:
        return []
    solutions = f"{cut['cut']:,} of {cut['asked']:,} gold solutions ({cut['share']:.0%})"
    return [f"stop sequences cut {solutions}"]


def _print_details(row: dict[str, Any]) -> None:
    if "reason" in row and row["verdict"] == "error":
        click.echo(f"    error: {row['reason']}")
    for finding in row["findings"]:
        _print_finding(finding)
    for text in _cut_by_stops(row):
        click.echo(f"    {text}")


def _print_finding(finding: dict[str, Any]) -> None:
    if finding["severity"] == "note":
        click.echo(f"    {finding['check']}: {finding['message']}")
        return
    example = f" (instance {finding['instance_id']})" if finding["instance_id"] else ""
    click.echo(f"    {finding['severity']} {finding['check']}: {finding['message']}{example}")
    if finding["hint"]:
        click.echo(f"        {finding['hint']}")


def _summary(rows: Sequence[dict[str, Any]]) -> None:
    if len(rows) < 2:
        if rows and rows[0]["verdict"] == "data missing":
            click.echo(f"    {rows[0]['reason']}")
        return
    counts = {
        verdict: sum(row["verdict"] == verdict for row in rows)
        for verdict in ("ok", "warning", "error", "data missing")
    }
    names = {"warning": "with warnings", "error": "with errors", "data missing": "data missing"}
    shown = [f"{n:,} {names.get(verdict, verdict)}" for verdict, n in counts.items() if n]
    click.echo(f"\n{len(rows):,} specs: {', '.join(shown)}")
