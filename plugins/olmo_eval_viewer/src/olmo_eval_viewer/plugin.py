"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.hookspecs import hookimpl

if TYPE_CHECKING:
    from olmo_eval.commands import CommandGroup
    from olmo_eval.results import Comparison


@hookimpl
def register_commands(cli: CommandGroup) -> None:
    cli.add_lazy_command(
        "view", "olmo_eval_viewer.command:view", "Look at results in a browser: two runs, compared."
    )
    cli.add_lazy_command(
        "verify",
        "olmo_eval_viewer.verify:verify",
        "Check a page of `compare --html`: its digests and its numbers.",
    )


@hookimpl
def comparison_page(comparison: Comparison) -> str | None:
    from olmo_eval_viewer.sealed import sealed_page

    return sealed_page(comparison)
