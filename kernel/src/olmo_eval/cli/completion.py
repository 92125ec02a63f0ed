"""``olmo-eval completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
#: what click listens to, for the program's name
_VARIABLE = "_OLMO_EVAL_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a SHELL complete commands and options.

    \b
    bash, in ~/.bashrc:  eval "$(olmo-eval completion bash)"
    zsh, in ~/.zshrc:    eval "$(olmo-eval completion zsh)"
    fish, once:          olmo-eval completion fish > ~/.config/fish/completions/olmo-eval.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click brings these three
    click.echo(kind(ctx.find_root().command, {}, "olmo-eval", _VARIABLE).source())
