"""The top level of the command line: every command comes from the registry of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from olmo_eval.errors import PluginError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from olmo_eval.registry import Entry, Registry


class CommandLine(click.Group):
    """The commands that the kernel and plugins register, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name; what several distributions claim is listed as ``dist:name``."""
        return sorted(self._listed())

    def _listed(self) -> dict[str, Entry[Any]]:
        registry = _registry()
        contested = registry.collisions()
        return {
            entry.qualified if entry.name in contested else entry.name: entry
            for entry in registry.entries()
        }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None.

        Raises:
            CollisionError: several distributions have one.
            PluginError: a plugin's cannot be imported.
        """
        registry = _registry()
        if cmd_name not in registry:
            return None
        entry = registry.entry(cmd_name)
        command = registry.resolve(entry)
        if not isinstance(command, click.Command):
            raise PluginError(
                f"command {entry.name!r} of {entry.owner} is {command!r}, which is not a click "
                "command"
            )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        listed = self._listed()
        rows = [(name, text) for name in sorted(listed) if (text := _summary(listed[name]))]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, none of which is imported for it, and the options."""
        from click.shell_completion import CompletionItem

        listed = self._listed()
        commands = [
            CompletionItem(name, help=text)
            for name in sorted(listed)
            if name.startswith(incomplete) and (text := _summary(listed[name]))
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            found = super().resolve_command(ctx, args)
        except click.UsageError as error:
            from olmo_eval.common.suggest import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx))
            if hint:
                raise click.UsageError(f"{error.message} {hint}", ctx) from error
            raise
        from olmo_eval.faults import KERNEL

        if found[1] is not None and _registry().entry(args[0]).owner.module != KERNEL:
            from olmo_eval.cli.document import give_back_stdout

            give_back_stdout()
        return found


def _registry() -> Registry[Any]:
    from olmo_eval.plugins import manager

    return manager().registry("commands")


def _summary(entry: Entry[Any]) -> str | None:
    """The line about a command; None for one that hides itself."""
    if entry.summary or entry.lazy:
        return entry.summary or f"(of {entry.owner})"
    command: Any = entry.target
    try:
        return None if command.hidden else str(command.get_short_help_str(60))
    except Exception as error:  # a plugin's own class; the others' help is unaffected
        return f"(of {entry.owner}; its help failed: {type(error).__name__})"
