"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.hookspecs import hookimpl

if TYPE_CHECKING:
    from olmo_eval.commands import CommandGroup
    from olmo_eval.results import Comparison
    from olmo_eval.results.verify import Verification

OLMO_EVAL_API = 1


@hookimpl
def register_commands(cli: CommandGroup) -> None:
    cli.add_lazy_command(
        "view", "olmo_eval_viewer.command:view", "Look at results in a browser: two runs, compared."
    )


@hookimpl
def comparison_page(comparison: Comparison) -> str | None:
    from olmo_eval_viewer.sealed import sealed_page

    return sealed_page(comparison)


@hookimpl
def verify_page(page: bytes, location: str) -> Verification | None:
    from olmo_eval_viewer.verify import verification

    return verification(page, location)
