"""The slices of a comparison, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from olmo_eval.cli.table import table
from olmo_eval.common.figures import interval_signed, number, p_value

if TYPE_CHECKING:
    from olmo_eval.results.slices import Ending, SliceReport, SliceResult, TaskSlices

_COLUMNS = (
    ("slice", "left"),
    ("n", "right"),
    ("A", "right"),
    ("B", "right"),
    ("B - A", "right"),
    ("interval", "left"),
    ("p (BH)", "right"),
    ("elsewhere", "right"),
    ("p (BH), as elsewhere", "right"),
    ("verdict", "left"),
)
#: slices that a task shows at most, and of those that did not change
_MOST, _CLOSEST = 25, 3


def print_slices(report: SliceReport, *, markdown: bool = False) -> None:
    """The slices that changed, task by task; and how the difference goes with how answers ended."""
    for task in report.tasks:
        click.echo(f"\n{task.task}: {_counted(task)}")
        shown = task.changed or task.tested[:_CLOSEST]
        if shown:
            table(_COLUMNS, [_row(one) for one in shown[:_MOST]], markdown=markdown)
        if len(shown) > _MOST:
            click.echo(f"{len(shown) - _MOST:,} more: --json")
        within = [one for one in task.tested if one.within is not None]
        if within:
            click.echo(
                f"{len(within):,} more differ only by questions they share with these: --json"
            )
        for line in _ending_lines(task.endings):
            click.echo(line)
    click.echo(
        f"\nslices: {report.family:,} tested together, of those that are named as better or worse "
        f"at most {report.alpha:.0%} are wrong on average (Benjamini-Hochberg)"
    )
    for note in report.notes:
        click.echo(f"note: {note}")


def _counted(task: TaskSlices) -> str:
    if not task.tested:
        if not task.made:
            return "no slices: too few questions, or nothing that divides them"
        if task.made == 1:
            return "1 slice, in which too few questions differ for a test"
        return f"{task.made:,} slices; in none of them do enough questions differ for a test"
    tested = f"{len(task.tested):,} of {task.made:,} slices have enough questions that differ"
    if task.changed:
        return f"{tested}, {len(task.changed):,} changed"
    return f"{tested}, none changed beyond chance; the closest"


def _row(one: SliceResult) -> list[str]:
    verdict = one.verdict
    return [
        one.name,
        f"{verdict.n:,}",
        number(one.score_a),
        number(one.score_b),
        f"{verdict.difference:+.4f}",
        interval_signed(verdict.ci_low, verdict.ci_high),
        p_value(verdict.p_adjusted),
        f"{one.elsewhere:+.4f}",
        p_value(one.p_elsewhere),
        f"{verdict.kind}{', stands out' if one.stands_out else ''}",
    ]


def _ending_lines(endings: tuple[Ending, ...]) -> list[str]:
    """What of the difference goes with how answers ended; nothing is tested here."""
    lines = []
    for one in endings[:4]:
        ended = one.a if one.a == one.b else f"{one.a} in A, {one.b} in B"
        lines.append(f"  {one.part:+.4f} of B - A on {one.questions:,} questions: {ended}")
    return lines
