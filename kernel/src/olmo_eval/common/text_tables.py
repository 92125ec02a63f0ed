"""Tables of text, plain and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

#: what would break a line, or speak to the terminal
_CONTROL = dict.fromkeys((*range(32), 127), " ")

Columns = Sequence[tuple[str, str]]
Rows = Sequence[Sequence[str]]


def table_lines(columns: Columns, rows: Rows, *, markdown: bool = False) -> list[str]:
    """A plain (or Markdown) table: ``columns`` are (title, ``left`` or ``right``). Every row stands
    on one line, however long it is."""
    cells = on_one_line(rows)
    return _markdown(columns, cells) if markdown else _plain(columns, cells)


def on_one_line(rows: Rows) -> list[list[str]]:
    """The cells without what would break a line, or speak to the terminal."""
    return [[cell.translate(_CONTROL) for cell in row] for row in rows]


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
    blanks = " " * (width - text_width(cell))
    return blanks + cell if side == "right" else cell + blanks


def _widths(columns: Columns, rows: Rows) -> list[int]:
    titled = ([title for title, _ in columns], *rows)
    return [max(map(text_width, column)) for column in zip(*titled, strict=True)]


def text_width(text: str) -> int:
    """The columns of a terminal that ``text`` takes: two for many signs of East Asia."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
