"""``olmo-eval new``: a package to begin with."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from olmo_eval.skeletons import Names, write


@click.group()
def new() -> None:
    """Write a package to begin with: one that can be installed, run and tested as it is.

    NAME is what pip calls it. The package lies in a folder of that name, here or at --folder.
    """


def _command(kind: str, text: str, *options: Callable[[Any], Any]) -> Callable[..., None]:
    def command(name: str, folder: Path | None, task: str = "example") -> None:
        names = Names(name, task)
        place = Path(name) if folder is None else folder
        for file in write(kind, names, place):
            click.echo(file)
        install = f"pip install {_argument(place)}"
        click.echo(f"\nnext: {install} && {_first_command(kind, names)}")

    for option in options:
        command = option(command)
    command = click.option(
        "--folder",
        type=click.Path(path_type=Path),
        help="Where the package goes.  [default: NAME]",
    )(command)
    command = click.argument("name")(command)
    return new.command(kind, help=text)(command)


def _argument(folder: Path) -> str:
    """A folder as pip takes it: a plain name would be looked for in the package index."""
    return shlex.quote(str(folder) if folder.is_absolute() else f"./{folder}")


def _first_command(kind: str, names: Names) -> str:
    return (
        "olmo-eval "
        + {
            "task-pack": f"run -m mock -t {names.prefix}_{names.task}",
            "provider": f"providers -f {names.package}",
            "sandbox": f"sandboxes -f {names.package}",
            "scaffold": f"scaffolds -f {names.package}",
            "judge": f"judge list -f {names.package}",
            "external": f"external run {names.package} -m mock",
        }[kind]
    )


_command(
    "task-pack",
    "Tasks with variants, a scorer, a metric, a suite, and their tests.",
    click.option(
        "--task", default="example", show_default=True, help="What the first task is called."
    ),
)
_command("provider", "A way to run models.")
_command("sandbox", "Where commands of models run.")
_command("scaffold", "How a model is led to its answer.")
_command("judge", "How a model grades answers.")
_command("external", "A benchmark with its own runner.")
