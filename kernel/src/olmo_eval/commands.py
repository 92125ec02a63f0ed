"""What ``register_commands`` is given: a click group that fills the registry of commands."""

from __future__ import annotations

from collections.abc import Callable

import click

from olmo_eval.errors import UsageError
from olmo_eval.faults import Place


class CommandGroup(click.Group):
    """The commands of ``olmo-eval``, to add to: ``cli.add_command(greet)``, ``@cli.command()``.

    A command whose module takes long to import is added by import string instead, and imported
    when it is called: ``cli.add_lazy_command("greet", "acme_evals.cli:greet", "Say hello.")``.
    """

    def __init__(self, register: Callable[..., None]) -> None:
        super().__init__("olmo-eval")
        self._register = register

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, under its own name where none is given.

        Raises:
            UsageError: it is not a click command.
        """
        if not isinstance(cmd, click.Command):
            raise UsageError(
                f"{cmd!r} is not a click command",
                hint="decorate its function with @click.command(), or add it by import string "
                "with cli.add_lazy_command(NAME, 'package.module:command', SUMMARY)",
            )
        self._register(name or cmd.name, cmd, place=_place())

    def add_lazy_command(self, name: str, target: str, summary: str) -> None:
        """Add the click command at ``"package.module:command"``; ``summary`` is the line about it
        in ``olmo-eval --help``."""
        self._register(name, target, place=_place(), summary=summary)


def _place() -> Place:
    return Place.of_caller(__name__, "click")
