"""``olmo-eval task check``: whether tasks can be trusted, found out without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import filter_option, json_option
from olmo_eval.errors import OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.evals.tasks.check import CheckReport, Finding, OtherProcess


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
    extraction must find a number however it is written. Exits with 1 where a check finds an error.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.evals.tasks.check import OtherProcess
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
    with OtherProcess() as other:
        for spec in dict.fromkeys(wanted):
            row = redact.value(_look(spec, sample, other))
            rows.append(row)
            if not as_json:
                _print(row)
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


def _look(spec: str, sample: int, other: OtherProcess) -> dict[str, Any]:
    from olmo_eval.evals.tasks.check import check_task, missing_data
    from olmo_eval.evals.tasks.common import build_task

    try:
        task = build_task(spec)
        reason = missing_data(task)
        if reason is not None:
            return {**_empty(spec, "data missing"), "reason": reason.message, "hint": reason.hint}
        return _row(spec, check_task(task, sample=sample, elsewhere=other.reading(spec)))
    except OlmoEvalError as error:
        return {**_empty(spec, "error"), "reason": error.message, "hint": error.hint}


def _empty(spec: str, verdict: str) -> dict[str, Any]:
    return {"task": spec, "verdict": verdict, "looked_at": 0, "total": 0, "findings": []}


def _row(spec: str, report: CheckReport) -> dict[str, Any]:
    worst = report.problems[0].severity.value if report.problems else "ok"
    return {
        "task": spec,
        "verdict": worst,
        "looked_at": report.looked_at,
        "total": report.total,
        "findings": [_finding(f) for f in (*report.problems, *report.notes)],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity.value,
        "message": finding.message,
        "instance_id": finding.instance_id,
        "hint": finding.hint,
    }


def _print(row: dict[str, Any]) -> None:
    problems = [f for f in row["findings"] if f["severity"] != "note"]
    count = f"{len(problems)} finding{'s' if len(problems) > 1 else ''}"
    said = {"ok": "ok", "data missing": "data missing"}.get(row["verdict"], count)
    seen = f"{row['looked_at']:,} of {row['total']:,}" if row["total"] else ""
    click.echo(f"{said:<13} {row['task']:<48} {seen}".rstrip())
    if "reason" in row and row["verdict"] == "error":
        click.echo(f"    error: {row['reason']}")
    for finding in row["findings"]:
        _print_finding(finding)


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
