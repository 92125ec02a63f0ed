"""What errors advise exists: every command and every option that a message names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from olmo_eval import plugins
from olmo_eval.cli.main import cli
from olmo_eval.errors import UnknownNameError

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*ROOT.glob("kernel/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a file with its line; what f-strings fill in is left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def hints(path: Path) -> Iterator[tuple[int, str]]:
    """Every string that is part of a ``hint=``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "hint":
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def commands(command: click.Command, context: click.Context) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, click.Context(found, info_name=name, parent=context))


@pytest.fixture(scope="module")
def top() -> click.Context:
    return click.Context(cli, info_name="olmo-eval")


def resolves(words: list[str], context: click.Context) -> bool:
    """Whether ``olmo-eval WORDS`` begins with a command, and with one of its own where it is a
    group of them."""
    command: click.Command | None = cli
    for word in words:
        if not isinstance(command, click.Group):
            return True  # the rest are its arguments
        command = command.get_command(context, word)
        if command is None:
            return False
    return True


def test_commands_that_messages_name_exist(top: click.Context) -> None:
    found = 0
    for path in FILES:
        for line, text in texts(path):
            for named in re.findall(r"`olmo-eval ((?:[a-z][a-z-]+ ?)+)", text):
                found += 1
                where = f"{path.relative_to(ROOT)}:{line}"
                assert resolves(named.split(), top), f"{where}: there is no `olmo-eval {named}`"
    assert found > 15


def test_options_that_hints_name_exist(top: click.Context) -> None:
    known = {o for c in commands(cli, top) for p in c.params for o in (*p.opts, *p.secondary_opts)}
    known |= {"--plugin", "--debug"}  # which every command takes
    known |= {"--upgrade"}  # which pip does
    found = 0
    for path in FILES:
        for line, text in hints(path):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
                found += 1
                where = f"{path.relative_to(ROOT)}:{line}"
                assert option in known, f"{where}: no command takes {option}"
    assert found > 8


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_the_list_of_a_kind_of_names_is_a_command(kind: str, top: click.Context) -> None:
    with plugins.fresh_manager() as manager, pytest.raises(UnknownNameError) as unknown:
        manager.registry(kind).get("qqqqqqqqqqqqqqqqqqq")

    (named,) = re.findall(r"`olmo-eval ([^`]+)` lists them all", str(unknown.value.hint))
    assert named == "--help" or resolves(named.split(), top)
