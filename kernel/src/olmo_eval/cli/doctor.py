"""``olmo-eval doctor``: whether this installation and this machine are fit to evaluate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import filter_option, json_option, results_option
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.doctor.checkup import Checked

_COLOURS = {"ok": "green", "absent": "bright_black", "warning": "yellow", "problem": "red"}


@click.command()
@filter_option
@results_option
@click.option(
    "--import",
    "imports",
    is_flag=True,
    help="Import the engines that are installed, each in its own process (slow).",
)
@json_option
def doctor(filter_: str, results: str, imports: bool, as_json: bool) -> None:
    """Check this installation and this machine, with the way out of what is wrong.

    Each line is ok, absent (optional, and not here), a warning, or a problem, which would stop a
    plain run. Of keys only the names are shown. Exits with 1 where there is a problem.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.doctor import Checkup
    from olmo_eval.doctor.checkup import checked

    found = checked(Checkup(results, imports), filter_)
    if not found and filter_:
        raise UsageError(
            f"no check has {filter_!r} in its name", hint="`olmo-eval doctor` makes them all"
        )
    counts = Counter(str(one.finding.level) for one in found)
    if as_json:
        document = {"findings": [one.to_dict() for one in found], "problems": counts["problem"]}
        print_json(document)
    else:
        for line in _lines(found):
            click.echo(line)
        said = ", ".join(f"{counts[level]} {level}" for level in _COLOURS if counts[level])
        click.echo(f"\n{said}")
    if counts["problem"]:
        raise click.exceptions.Exit(1)


def _lines(found: Sequence[Checked]) -> Iterator[str]:
    width = max((len(one.check) for one in found), default=0)
    for one in found:
        finding = one.finding
        level = click.style(f"{finding.level:<7}", fg=_COLOURS[finding.level])
        subject = f"{finding.subject}: " if finding.subject else ""
        yield f"{level}  {one.check:<{width}}  {subject}{finding.found}"
        if finding.way_out:
            yield f"{'':<{width + 11}}-> {finding.way_out}"
