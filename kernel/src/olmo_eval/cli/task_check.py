"""``olmo-eval task check``: whether tasks can be trusted, found out without a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, starmap
from typing import Any

import click

from olmo_eval.cli.options import filter_option, json_option
from olmo_eval.common.figures import counted
from olmo_eval.errors import OlmoEvalError, UsageError


@click.command()
@click.argument("specs", nargs=-1, metavar="SPEC...")
@click.option("--all", "every", is_flag=True, help="Every task, and each of its variants.")
@click.option("--thorough", is_flag=True, help="With --all: leave none out.")
@filter_option
@click.option("-n", "--sample", default=200, show_default=True, help="Instances to look at.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option(
    "--sandbox",
    metavar="NAME",
    help="Carry out solutions in environments of this backend. Default: the container engine that "
    "answers; with --all, none.",
)
@click.option("--strict", is_flag=True, help="Warnings and missing data fail too.")
@json_option
def check(
    specs: Sequence[str],
    every: bool,
    thorough: bool,
    filter_: str,
    sample: int,
    overrides: Sequence[str],
    sandbox: str | None,
    strict: bool,
    as_json: bool,
) -> int:
    """Check tasks without a model.

    A model that knows the answers must score 1, an empty answer 0, the answers of other questions
    what guessing scores; the answer must not stand in the prompt; ids must be unique, follow from
    the data and be the same in another process; no question may stand there twice with different
    answers; every question must reach its prompt; few-shot examples must be as many as asked for
    and never the question itself; stop sequences and max_tokens must leave room for the answer;
    extraction must find a number however it is written. It says what share of the gold solutions
    the task's own stop sequences cut. Exits with 1 where a check finds an error.

    Where scorers run programs, or look at what an agent left, the task's solutions are carried out
    in sandboxes and must score 1, and an agent that does nothing must score 0. Where no container
    engine answers and --sandbox names nothing else, they are not, which is a warning.

    A suite stands for its tasks. With --all, one line a task: those whose data is at hand are
    checked, on all processors; of the others it says what is missing. A task that differs from
    another only in the length of its texts is left out, and said to be: name it, or add --thorough.
    """
    from olmo_eval.cli.execution import Execution
    from olmo_eval.cli.show import print_json
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.evals.tasks.check.workers import check_rows
    from olmo_eval.evals.tasks.common import build_task
    from olmo_eval.results.redact import Redactor
    from olmo_eval.runner.resolve import split_overrides

    if not specs and not every:
        raise UsageError("which task?", hint="name a spec such as gsm8k:olmo3base, or use --all")
    if sample < 1:
        raise UsageError(f"--sample must be at least 1, got {sample}")
    rows = []
    for_tasks, for_harness = split_overrides([parse_override(text) for text in overrides])
    named = list(chain.from_iterable(map(_members, specs)))
    for spec in named:
        build_task(
            spec, for_tasks
        )  # a misspelt name ends it here; among all tasks it is one more finding
    registered = dict(_registered(filter_)) if every else {}
    left_out = {} if thorough else _left_out(registered, named)
    wanted = [spec for spec in dict.fromkeys([*named, *registered]) if spec not in left_out]
    redact = Redactor()
    execution = Execution(sandbox, for_tasks, for_harness, sample, automatic=not every)
    checked = map(execution.row, check_rows(wanted, sample, [one.text for one in for_tasks]))
    for found in chain(checked, starmap(_row_left_out, left_out.items())):
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
        execution.print_left_out()
    failing = {"error"} | ({"warning", "data missing"} if strict else set())
    return int(any(row["verdict"] in failing for row in rows))


def _members(spec: str) -> tuple[str, ...]:
    """The tasks that ``spec`` stands for: those of a suite, else itself."""
    from olmo_eval.evals.suites.suite import find_suite

    suite = find_suite(spec)
    return (spec,) if suite is None else suite.expand()


def _registered(filter_: str) -> Iterator[tuple[str, str | None]]:
    """Every task that contains ``filter_`` and each of its variants, with the spec whose check
    stands for it."""
    from olmo_eval.cli.listing import entries
    from olmo_eval.evals.tasks.common.registry import variants_of
    from olmo_eval.evals.tasks.common.spec import TaskSpec, task_class

    for entry in entries("tasks", filter_):
        try:
            other = task_class(TaskSpec(entry["name"], (), entry["distribution"])).checked_by
        except OlmoEvalError:
            yield entry["name"], None  # what is wrong is reported where the task itself is checked
            continue
        yield entry["name"], other
        for variant in variants_of(entry["name"], entry["distribution"]):
            yield f"{entry['name']}:{variant}", other and f"{other}:{variant}"


def _left_out(registered: Mapping[str, str | None], named: Sequence[str]) -> dict[str, str]:
    """Those for which another stands that is checked, with that one."""
    return {
        spec: other
        for spec, other in registered.items()
        if other is not None and other in registered and spec not in named
    }


def _row_left_out(spec: str, other: str) -> dict[str, Any]:
    from olmo_eval.evals.tasks.check.rows import failed

    return failed(spec, "left out", f"{other} stands for it", "--thorough checks it too")


def _line(row: dict[str, Any]) -> str:
    problems = _problems(row)
    count = f"{len(problems)} finding{'s' if len(problems) > 1 else ''}"
    said = count if problems else row["verdict"]
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
        for verdict in ("ok", "warning", "error", "data missing", "left out")
    }
    names = {
        "warning": "with warnings",
        "error": "with errors",
        "left out": "left out (--thorough checks them too)",
    }
    shown = [f"{n:,} {names.get(verdict, verdict)}" for verdict, n in counts.items() if n]
    click.echo(f"\n{counted(len(rows), 'spec')}: {', '.join(shown)}")
