"""Tables of text."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import click

#: what would break a line, or speak to the terminal
_CONTROL = dict.fromkeys((*range(32), 127), " ")

Columns = Sequence[tuple[str, str]]
Rows = Sequence[Sequence[str]]


def table(
    columns: Columns, rows: Rows, *, markdown: bool = False, folding: Collection[str] = ()
) -> None:
    """Print a plain (or Markdown) table: ``columns`` are (title, ``left`` or ``right``).

    Every row stands on one line, however long it is. Only on a terminal that is too narrow, cells
    of the columns titled ``folding`` are folded until the table fits.
    """
    cells = [[cell.translate(_CONTROL) for cell in row] for row in rows]
    if folding and sys.stdout.isatty():
        lines = _folded(columns, cells, folding)
    else:
        lines = _markdown(columns, cells) if markdown else _plain(columns, cells)
    click.echo("\n".join(lines))


def _plain(columns: Columns, rows: Rows) -> list[str]:
    rule = ["-" * width for width in _widths(columns, rows)]
    return ["  ".join(line).rstrip() for line in _aligned(columns, [rule, *rows])]


def _markdown(columns: Columns, rows: Rows) -> list[str]:
    """The line below the titles also says on which side cells stand."""
    head, *body = (f"| {' | '.join(line)} |" for line in _aligned(columns, rows))
    sides = ["-:" if side == "right" else "--" for _, side in columns]
    rule = "|".join(
        "-" * width + side for width, side in zip(_widths(columns, rows), sides, strict=True)
    )
    return [head, f"|{rule}|", *body]


def _aligned(columns: Columns, rows: Rows) -> list[list[str]]:
    """Titles and rows, every cell as wide as the widest of its column."""
    widths, sides = _widths(columns, rows), [side for _, side in columns]
    titled = ([title for title, _ in columns], *rows)
    return [list(map(_filled, row, widths, sides)) for row in titled]


def _filled(cell: str, width: int, side: str) -> str:
    blanks = " " * (width - _width(cell))
    return blanks + cell if side == "right" else cell + blanks


def _widths(columns: Columns, rows: Rows) -> list[int]:
    titled = ([title for title, _ in columns], *rows)
    return [max(map(_width, column)) for column in zip(*titled, strict=True)]


def _width(text: str) -> int:
    """The columns of a terminal that ``text`` takes: two for many signs of East Asia."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


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
