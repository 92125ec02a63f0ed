"""``olmo-eval trust``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import (
    allow_different_option,
    axis_option,
    json_option,
    markdown_option,
    results_option,
)
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.results.tracking import TaskTrust, Trust


@click.command()
@click.option("--group", "groups", multiple=True, help="A recipe's group, small scale. Repeatable.")
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    metavar="SMALL=LARGE",
    help="Groups of one recipe at the small and the target scale. Repeatable.",
)
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task or suite. Repeatable.")
@results_option
@axis_option
@allow_different_option
@markdown_option
@json_option
def trust(
    groups: Sequence[str],
    pairs: Sequence[str],
    tasks: Sequence[str],
    results: str,
    by: Any,
    allow_different: Sequence[str],
    markdown: bool,
    as_json: bool,
) -> None:
    """Tell which tasks can be trusted to choose between recipes at a small scale.

    Signal-to-noise: how far the recipes' newest scores lie apart, against the noise between the
    last checkpoints of each. Decision accuracy: how often the small scale orders two recipes as
    the target scale does, for three --pair or more.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.tracking import trust as trust_of

    asked: list[tuple[str, str | None]] = [(group, None) for group in groups]
    for pair in pairs:
        small, equals, large = pair.partition("=")
        if not (small and equals and large):
            raise UsageError(f"--pair {pair}: expected SMALL=LARGE, the names of two groups")
        asked.append((small, large))
    found = trust_of(results, asked, tasks, by=by, allow_different=allow_different)
    if as_json:
        print_json(found.to_dict())
        return
    _print(found, markdown)


def _print(found: Trust, markdown: bool) -> None:
    from olmo_eval.cli.table import table

    columns = [("task", "left"), ("metric", "left"), ("lowest", "right"), ("highest", "right")]
    columns += [("S/N", "right"), ("95% interval", "left")]
    columns += [("decisions", "right"), ("95% interval", "left"), ("recipes", "right")]
    table(columns, [_row(task) for task in found.tasks], markdown=markdown)
    click.echo(
        "S/N: range of the recipes over the noise between their last checkpoints, below 1 nothing "
        "can be told; decisions: pairs of recipes ordered as at the target scale, 50% is guessing"
    )
    for note in found.notes:
        click.echo(f"note: {note}")


def _row(task: TaskTrust) -> list[str]:
    signal, decisions = task.signal, task.decisions
    values = list(task.scores.values())
    ratio, spread = "-", "-"
    if signal is not None and signal.ratio is not None:
        ratio = f"{signal.ratio:.1f}"
        if signal.ci_low is not None and signal.ci_high is not None:
            spread = f"[{signal.ci_low:.1f}, {signal.ci_high:.1f}]"
    return [
        task.name,
        task.metric,
        f"{min(values):.4f}",
        f"{max(values):.4f}",
        ratio,
        spread,
        "-" if decisions is None else f"{decisions.value:.0%}",
        "-" if decisions is None else f"[{decisions.ci_low:.0%}, {decisions.ci_high:.0%}]",
        f"{len(values)}",
    ]
