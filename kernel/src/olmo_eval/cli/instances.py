"""``olmo-eval results instances``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, results_option
from olmo_eval.common.figures import counted

if TYPE_CHECKING:
    from olmo_eval.results.instances import ShownInstance

#: ``results.health.NAMES``, which is imported only when it is needed
MEASURES = (
    "non_finite", "missing", "refused", "empty", "cut", "extraction_failed", "identical",
    "identical_prompts", "ties", "prompt_cut", "slow",
)  # fmt: skip
#: characters of a prompt that are shown: its end, where the question stands
_TAIL = 240


@click.command()
@click.argument("run")
@results_option
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task. Repeatable.")
@click.option(
    "--only", type=click.Choice(MEASURES), metavar="MEASURE", help=f"One of {', '.join(MEASURES)}."
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(0),
    help="Instances to show a task: 5; as JSON all.",
)
@json_option
def instances(
    run: str,
    results: str,
    tasks: Sequence[str],
    only: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show instances of RUN: question, what the model received, answer, outcome, error, and what
    judges were asked and replied.

    --only shows those that a measure of the run's health counts.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.instances import instances as instances_of
    from olmo_eval.results.store import Store

    found = Store(results).find(run)
    names = list(tasks) or found.task_names
    if as_json:
        some = {name: islice(instances_of(found, name, only), count) for name in names}
        print_json([{"task": t, **one.to_dict()} for t, chosen in some.items() for one in chosen])
        return
    count = 5 if count is None else count
    totals = [_print(name, only, instances_of(found, name, only), count) for name in names]
    if not any(totals):
        counted = f" is counted as {only}" if only else ""
        click.echo(f"no instance of {found.run_id}{counted}")


def _print(task: str, only: str | None, chosen: Iterable[ShownInstance], count: int) -> int:
    """Print the first ``count``, below a line that says of how many; returns how many there are."""
    from olmo_eval.results.health import MEASURES as KNOWN

    iterator = iter(chosen)
    first = list(islice(iterator, count))
    total = len(first) + sum(1 for _ in iterator)
    if not total:
        return 0
    of = "".join(f", {m.words}" for m in KNOWN if m.name == only)
    some = f", the first {len(first):,}" if len(first) < total else ""
    click.echo(f"{task}: {counted(total, 'instance')}{of}{some}")
    for one in first:
        _print_one(one)
    return total


def _print_one(one: ShownInstance) -> None:
    from olmo_eval.cli.show import one_line

    values = "".join(f"   {k} {v:g}" for k, v in one.values.items() if v is not None)
    before = "..." if len(one.received) > _TAIL else ""
    click.echo(f"\n  {one_line(one.instance_id)}   {one.outcome}{values}")
    click.echo(f"    question  {one_line(one.question)}")
    click.echo(f"    received  {before}{one_line(one.received[-_TAIL:], _TAIL * 2)}")
    click.echo(f"    answer    {one_line(one.answer)}")
    if one.gold is not None:
        click.echo(f"    gold      {one_line(one.gold)}")
    for call in one.judge_calls:
        _print_call(call)
    if one.error is not None:
        click.echo(f"    error     {one_line(one.error)}")


def _print_call(call: Mapping[str, Any]) -> None:
    from olmo_eval.cli.show import one_line

    asked = " ".join(str(message.get("content")) for message in call["messages"])
    before = "..." if len(asked) > _TAIL else ""
    click.echo(f"    judge     {call['model']} ({call['provider']}), for {call['scorer']}")
    click.echo(f"      asked   {before}{one_line(asked[-_TAIL:], _TAIL * 2)}")
    if "thinking" in call:
        click.echo(f"      thought {one_line(call['thinking'])}")
    said = call.get("reply", f"nothing: {call.get('error', '')}")
    click.echo(f"      replied {one_line(said, _TAIL * 2)}")
