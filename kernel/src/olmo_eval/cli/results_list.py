"""``olmo-eval results list``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.results.store import PrimaryScore, Run

_NEWEST = 20
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A moment as run.json writes it: of an ISO date or time (UTC where it names no zone), or of
    how long ago that is."""
    from datetime import UTC, datetime, timedelta

    if value is None:
        return None
    ago = re.fullmatch(r"(\d{1,6})([mhdw])", value.strip())
    try:
        if ago:
            found = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            found = datetime.fromisoformat(value.strip())
            found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a date such as 2026-06-01 nor an age such as 2h or 3d"
        ) from None
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@click.command("list")
@results_option
@click.option("--model", help="Only runs of this model.")
@click.option("--group", help="Only runs of this group.")
@click.option("--task", help="Only runs with this task.")
@click.option("--status", help="Only runs that stand so: complete, running, killed, ...")
@click.option(
    "--since", metavar="WHEN", callback=moment, help="Only runs begun since: 2026-06-01, 2h, 3d."
)
@click.option("-n", "--count", type=click.IntRange(1), help=f"Show the newest N: {_NEWEST}.")
@click.option("--all", "every", is_flag=True, help="Show all that match.")
@click.option("--refresh", is_flag=True, help="Read every run.json again, not only new ones.")
@json_option
def list_(
    results: str,
    model: str | None,
    group: str | None,
    task: str | None,
    status: str | None,
    since: str | None,
    count: int | None,
    every: bool,
    refresh: bool,
    as_json: bool,
) -> None:
    """List the newest runs, oldest first; as JSON all of them, with every primary score."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.store import Store

    wanted = {"model": model, "group": group, "task": task, "status": status, "since": since}
    asked = {key: value for key, value in wanted.items() if value is not None}
    store = Store(results)
    found = store.listing(asked, refresh=refresh)
    for error in found.unreadable:
        click.echo(f"left out: {error.message}", err=True)
    shown = found.runs
    if count is not None or not (every or as_json):
        shown = shown[-(count or _NEWEST) :]
    scores = store.primary_scores(shown)
    if as_json:
        print_json([_as_json(run, row) for run, row in zip(shown, scores, strict=True)])
        return
    if not shown:
        some = asked and store.runs()
        click.echo(f"no run in {results} matches" if some else f"no runs in {results}")
        return
    _print(shown, scores)
    if len(shown) < len(found.runs):
        click.echo(
            f"the newest {len(shown):,} of {len(found.runs):,} runs; --all, -n N, or --model, "
            "--group, --task, --status and --since show others"
        )


def _as_json(run: Run, scores: Sequence[PrimaryScore]) -> dict[str, Any]:
    import attrs

    facts = run.facts.to_dict()
    facts.pop("host")
    tasks = [name for name, _ in facts.pop("tasks")]
    empty = {key: value or None for key, value in facts.items() if value == ""}
    return {
        **facts,
        **empty,
        "status": run.status,
        "location": run.location,
        "tasks": tasks,
        "scores": [attrs.asdict(score) for score in scores],
    }


def _print(runs: Sequence[Run], scores: Sequence[Sequence[PrimaryScore]]) -> None:
    """A table that fits the terminal; whole where the output is not a terminal."""
    from rich.console import Console

    from olmo_eval.cli.show import one_line
    from olmo_eval.cli.table import table

    console = Console()
    wide = not console.is_terminal or console.width >= _WIDE
    rows = [_cells(run, row, wide) for run, row in zip(runs, scores, strict=True)]
    kept = [i for i in range(len(_COLUMNS)) if any(row[i] for row in rows)]
    shown = [[one_line(row[i]) for i in kept] for row in rows]
    table([_COLUMNS[i] for i in kept], shown, folding=_FOLDING)


_COLUMNS = (
    ("run", "left"),
    ("model", "left"),
    ("step", "right"),
    ("name/group", "left"),
    ("kind", "left"),
    ("status", "left"),
    ("scores", "left"),
)
_FOLDING = ("model", "name/group", "kind", "scores")
#: columns of a terminal that has room for several scores
_WIDE = 140


def _cells(run: Run, scores: Sequence[PrimaryScore], wide: bool) -> tuple[str, ...]:
    from olmo_eval.results.anchored_rows import ANCHORED, anchored_label

    facts = run.facts
    named = "/".join(text for text in (facts.name, facts.group) if text)
    step = "" if facts.step is None else f"{facts.step:,}"
    model = run.model if wide else _short(run.model)
    told = [
        f"{anchored_label(s.name) if s.kind == ANCHORED else s.name} {_score(s)}" for s in scores
    ]
    some = _few(told or run.task_names, 3 if wide else 1)
    return (run.run_id, model, step, named, facts.kind, run.status, some)


def _short(model: str) -> str:
    """The last part of a long path: what the query ``model=`` takes, too."""
    last = model.rstrip("/").rpartition("/")[2]
    return model if len(model) <= len(last) + 12 else f".../{last}"


def _few(names: Sequence[str], most: int) -> str:
    """A few of ``names``, and how many more there are."""
    more = [f"+{len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def _score(score: PrimaryScore) -> str:
    if score.value is None:
        return "-"
    if score.ci_low is None or score.ci_high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} ± {(score.ci_high - score.ci_low) / 2:.3f}"
