"""``olmo-eval plan --effect``: what finding a difference of a stated size takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from attrs import frozen

from olmo_eval.cli.table import table

if TYPE_CHECKING:
    from olmo_eval.results.sizing import TaskSize
    from olmo_eval.runner.job import Job

_RIGHT = "right"
_COLUMNS = (
    ("task", "left"),
    ("questions needed", _RIGHT),
    ("there are", _RIGHT),
    ("samples", _RIGHT),
    ("cost", _RIGHT),
    ("time", _RIGHT),
    ("power", _RIGHT),
    ("known from", "left"),
)


@frozen
class Wanted:
    """An effect to be found: a difference from ``baseline`` of so much, with this power."""

    effect: float
    power: float
    baseline: str | None

    def sizes(self, job: Job) -> list[TaskSize]:
        """What it takes, task by task; kept in the store. Raises OlmoEvalError."""
        from olmo_eval.results.sizing import keep_plan
        from olmo_eval.runner.sizing import sizes

        found = sizes(job, self.effect, self.power, self.baseline)
        for size in found:
            keep_plan(job.results, size)
        return found

    def show(self, found: Sequence[TaskSize]) -> None:
        """Print it."""
        shared = f" shared among {len(found):,} tasks" if len(found) > 1 else ""
        click.echo(
            f"\nto find a difference of {self.effect:g} with power {self.power:.0%} "
            f"(two-sided, 5%{shared}):"
        )
        table(_COLUMNS, [_row(size) for size in found])
        for size in found:
            click.echo(f"{size.task}: {advice(size)}")
        click.echo("afterwards `olmo-eval results metrics RUN` says how wrong this was")


def _row(size: TaskSize) -> list[str]:
    return [
        size.task,
        "beyond 10,000,000" if size.questions is None else f"{size.questions:,}",
        f"{size.available:,}",
        f"{size.samples:,}",
        "-" if size.cost_usd is None else f"${size.cost_usd:,.2f}",
        "-" if size.seconds is None else f"{size.seconds:,.0f} s",
        f"{size.planned_power:.0%}",
        size.source,
    ]


def advice(size: TaskSize) -> str:
    """What to do about it, in words."""
    if size.questions is not None and size.questions <= size.available:
        if size.questions >= size.available * 0.9:
            return "all questions are needed"
        return f"--limit {size.questions} is enough"
    if size.more_samples is not None:
        return (
            f"all {size.available:,} questions are too few with {size.samples:,} each; "
            f"-o num_samples={size.more_samples} of both runs would do"
        )
    return (
        f"all {size.available:,} questions find it with power {size.planned_power:.0%}: take a "
        "larger effect, or other tasks beside this one"
    )
