"""Tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection

import click

from olmo_eval.common.text_tables import Columns, Rows, on_one_line, table_lines


def table(
    columns: Columns, rows: Rows, *, markdown: bool = False, folding: Collection[str] = ()
) -> None:
    """Print a plain (or Markdown) table: ``columns`` are (title, ``left`` or ``right``).

    Every row stands on one line, however long it is. Only on a terminal that is too narrow, cells
    of the columns titled ``folding`` are folded until the table fits.
    """
    if folding and sys.stdout.isatty():
        lines = _folded(columns, on_one_line(rows), folding)
    else:
        lines = table_lines(columns, rows, markdown=markdown)
    click.echo("\n".join(lines))


def _folded(columns: Columns, rows: Rows, folding: Collection[str]) -> list[str]:
    """The plain table as wide as the terminal."""
    from rich.console import Console
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for title, side in columns:
        grid.add_column(
            Text(title),
            justify="right" if side == "right" else "left",
            no_wrap=title not in folding,
            overflow="fold",
        )
    grid.add_row(*[Rule(characters="-", style="") for _ in columns])
    for row in rows:
        grid.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(grid)
    return [line.rstrip() for line in captured.get().splitlines()]
