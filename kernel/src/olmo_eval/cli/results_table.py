"""``olmo-eval results table``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import (
    allow_different_option,
    json_option,
    markdown_option,
    results_option,
)
from olmo_eval.common.figures import counted

if TYPE_CHECKING:
    from olmo_eval.results.score_table import Cell, ScoreTable


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task or suite. Repeatable.")
@click.option("--all", "every", is_flag=True, help="Every checkpoint, however wide the table is.")
@allow_different_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row a score.")
@markdown_option
@json_option
@results_option
def table(
    runs: Sequence[str],
    tasks: Sequence[str],
    every: bool,
    allow_different: Sequence[str],
    as_csv: bool,
    markdown: bool,
    as_json: bool,
    results: str,
) -> None:
    """Show scores task by step: group=G, or any runs, with intervals.

    RUN is a path, the beginning of an id, or a query such as group=G, which may name several. A
    column is a checkpoint; of several runs of one the newest with a task counts. On a terminal that
    is too narrow the newest checkpoints are shown.
    """
    from olmo_eval.cli.results_export import matching
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.score_table import score_table
    from olmo_eval.results.store import Store

    store = Store(results)
    found = score_table(store, matching(store, runs), tasks, allow_different=allow_different)
    if as_json:
        print_json(found.to_dict())
    elif as_csv:
        _print_csv(found)
    else:
        _print(found, markdown, every)


def _print_csv(found: ScoreTable) -> None:
    import pyarrow as pa

    from olmo_eval.cli.results_export import write
    from olmo_eval.results.score_table import SCHEMA

    rows = pa.RecordBatch.from_pylist(list(found.records()), schema=SCHEMA)
    write(SCHEMA, [rows], "csv", None)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)


def _print(found: ScoreTable, markdown: bool, every: bool) -> None:
    from olmo_eval.common.text_tables import text_width
    from olmo_eval.results.comparison_text import lower_is_better

    total = len(found.models)
    shown = total
    lines = _lines(found, shown, markdown)
    if sys.stdout.isatty() and not markdown and not every:
        width = _terminal_width()
        while shown > 1 and max(map(text_width, lines)) > width:
            shown -= 1
            lines = _lines(found, shown, markdown)
    click.echo("\n".join(lines))
    if shown < total:
        click.echo(f"the newest {shown:,} of {counted(total, 'checkpoint')}; --all shows every one")
    for line in lower_is_better([r.metric for r in found.rows if not r.higher_is_better]):
        click.echo(line)
    for note in found.notes:
        click.echo(f"note: {note}")


def _terminal_width() -> int:
    from rich.console import Console

    return Console().width


def _lines(found: ScoreTable, newest: int, markdown: bool) -> list[str]:
    """The table with its ``newest`` columns; sparklines are of all of them."""
    from olmo_eval.common.text_tables import table_lines

    columns = [("task", "left"), ("metric", "left"), ("", "left")]
    columns += [(title, "left") for title in found.titles()[-newest:]]
    rows = [
        [row.name, row.metric, row.sparkline(), *map(_cell, row.cells[-newest:])]
        for row in found.rows
    ]
    return table_lines(columns, rows, markdown=markdown)


def _cell(cell: Cell | None) -> str:
    """``0.326 [0.275, 0.383]``; the ends are left out where they are not known."""
    if cell is None or cell.score.value is None:
        return "-"
    score = cell.score
    if score.ci_low is None or score.ci_high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.ci_low:.3f}, {score.ci_high:.3f}]"
