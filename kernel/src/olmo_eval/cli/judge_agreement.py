"""What ``olmo-eval judge calibrate`` found, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from olmo_eval.results.statistics.agreement import Agreement
    from olmo_eval.runner.calibration import Calibration

_NAMES = {
    "agreement": "raw agreement",
    "kappa": "Cohen's kappa",
    "kappa_linear": "  linear weights",
    "kappa_quadratic": "  quadratic weights",
    "alpha_nominal": "Krippendorff's alpha, nominal",
    "alpha_ordinal": "  ordinal",
    "alpha_interval": "  interval",
}


def print_calibration(found: Calibration, scorer: str, models: Mapping[str, str]) -> None:
    """The coefficients with their intervals, the table, and what is missing."""
    from attrs import asdict

    from olmo_eval.cli.show import judge_usage

    asked = ", ".join(f"{name} = {model}" for name, model in models.items())
    click.echo(f"scorer {scorer}, {asked}")
    times = f", each judged {found.repeats} times" if found.repeats > 1 else ""
    click.echo(f"{found.n:,} labelled answers{times}; labels are {found.level}")
    if found.n_undecided:
        click.echo(f"{found.n_undecided:,} have no label that most people gave: left out")
    if found.n_failed:
        click.echo(f"{found.n_failed:,} of {found.n_asked:,} judgements failed: left out")
        for error, count in found.errors.items():
            click.echo(f"    {count:,} x {error}")
    for note in found.notes:
        click.echo(f"note: {note}")
    _print_agreements("the judge with people", found.with_people)
    if found.with_itself is not None:
        _print_agreements("the judge with itself", found.with_itself)
    if found.of_people is not None:
        _print_agreements("people with each other", found.of_people)
    _print_table(found)
    if found.used.calls:
        click.echo(f"\njudge: {judge_usage(asdict(found.used))}")


def _print_agreements(title: str, found: Mapping[str, Agreement]) -> None:
    from olmo_eval.cli.table import table
    from olmo_eval.common.figures import interval, number

    click.echo()
    percent = next(iter(found.values())).confidence * 100
    rows = [
        [
            _NAMES[name],
            number(one.value),
            interval(one.ci_low, one.ci_high),
            f"{one.n:,}",
            f"{one.n_clusters:,}",
        ]
        for name, one in found.items()
    ]
    columns = [(title, "left"), ("value", "right"), (f"{percent:g}% interval", "left")]
    table([*columns, ("n", "right"), ("questions", "right")], rows)


def _print_table(found: Calibration) -> None:
    from olmo_eval.cli.table import table

    click.echo()
    columns = [("people \\ judge", "left"), *((name, "right") for name in found.categories)]
    rows = [
        [name, *(f"{count:,}" for count in counts)]
        for name, counts in zip(found.categories, found.table, strict=True)
    ]
    table([*columns, ("judge_failed", "right")], rows)
