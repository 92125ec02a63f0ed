"""``olmo-eval hook``."""

from __future__ import annotations

from pathlib import Path

import click

from olmo_eval.errors import OlmoEvalError, UsageError


@click.command()
@click.argument("trainer", type=click.Choice(["hf", "lightning", "olmo-core"]))
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("checkpoint_hook.py"),
    show_default=True,
    help="The file to write; - prints it.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def hook(trainer: str, output: Path, force: bool) -> None:
    """Write a callback for a TRAINER that asks for an evaluation after each save.

    The file needs nothing but the trainer and the standard library. What it leaves in the folder of
    the checkpoints, `olmo-eval watch` finds: such a checkpoint counts as complete at once.
    """
    from olmo_eval.checkpoints.callbacks import USES, callback

    text = callback(trainer)
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} is there already", hint="--force writes over it")
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OlmoEvalError(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"written: {output}")
    click.echo(f"use it: from {output.stem} import OlmoEvalCallback; {USES[trainer]}")
