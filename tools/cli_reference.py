"""Write the reference part of docs/cli.md: what every command's --help prints.

make docs
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

PAGE = Path(__file__).resolve().parent.parent / "docs/cli.md"
MARK = "<!-- From here on the page is written by `make docs`. -->\n"


def commands(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    """The contexts of every command below ``command``, groups before their members, by name."""
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None, f"{context.command_path} lists {name}, which is not there"
        below = click.Context(found, info_name=name, parent=context, max_content_width=96)
        yield below
        yield from commands(found, below)


def reference() -> str:
    """One section a command."""
    from olmo_eval.cli.main import cli

    settings = dict(cli.context_settings, max_content_width=96)
    top = click.Context(cli, info_name="olmo-eval", **settings)
    parts = []
    for context in commands(cli, top):
        context.terminal_width = 96
        parts.append(f"## {context.command_path}\n\n```\n{context.get_help()}\n```\n")
    return "\n".join(parts)


def page() -> str:
    """The page as it should be: its hand-written beginning and the reference."""
    begin, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{PAGE} lacks the line {MARK!r}"
    return f"{begin}{MARK}\n{reference()}"


if __name__ == "__main__":
    if "--print" in sys.argv[1:]:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page(), encoding="utf-8")
