"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

OLMO_EVAL_API = 1


@hookimpl
def register_commands(cli: Any) -> None:
    cli.add_lazy_command(
        "launch",
        "olmo_eval_launch.cli:launch",
        "Submit runs to a scheduler: slurm, kubernetes, ...",
    )
