"""``olmo-eval sandbox reap``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.results_list import moment
from olmo_eval.cli.sandbox_backends import backend_option, everywhere, short_id
from olmo_eval.common.figures import counted

if TYPE_CHECKING:
    from olmo_eval.sandbox.backend import BuiltImage, SandboxBackend


@click.command()
@backend_option(required=False)
@click.option("--images", is_flag=True, help="List the images that were built, too.")
@click.option(
    "--older-than",
    "before",
    metavar="WHEN",
    callback=moment,
    help="With --images: only those built before: 2026-06-01, 30d, 12h.",
)
@click.option("--yes", is_flag=True, help="With --images: remove them.")
def reap(backend: str | None, images: bool, before: str | None, yes: bool) -> None:
    """Remove environments whose lease has expired, and no others.

    Images that were built of environments are kept, since the next run that wants the same is
    ready at once. --images lists them, and with --yes removes those that no environment uses.
    """
    from olmo_eval.errors import UsageError

    if not images and (before is not None or yes):
        raise UsageError(f"{'--yes' if yes else '--older-than'} is about images: add --images")
    limit = None if before is None else datetime.fromisoformat(before).timestamp()

    async def clear(engine: SandboxBackend) -> tuple[list[str], list[BuiltImage], list[str]]:
        gone = await engine.reap()
        old = [i for i in await engine.images() if limit is None or i.created < limit]
        return (gone, *await _removed(engine, old if images else [], yes))

    found = everywhere(backend, clear)
    for name, (gone, _, _) in found:
        for one in gone:
            click.echo(f"{name}: removed {short_id(one)}")
    click.echo(f"{counted(sum(len(gone) for _, (gone, _, _) in found), 'environment')} removed")
    if images:
        _print_images([(name, image) for name, (_, some, _) in found for image in some], yes)
        for message in (one for _, (_, _, kept) in found for one in kept):
            click.echo(f"kept: {message}")


async def _removed(
    engine: SandboxBackend, images: list[BuiltImage], yes: bool
) -> tuple[list[BuiltImage], list[str]]:
    """The images that are, or could be, removed; and why others are kept."""
    from olmo_eval.sandbox.backend import SandboxError

    gone, kept = [], []
    for image in images:
        try:
            if yes:
                await engine.remove_image(image.name)
            gone.append(image)
        except SandboxError as error:
            kept.append(error.message)
    return gone, kept


def _print_images(found: list[tuple[str, BuiltImage]], yes: bool) -> None:
    for name, image in found:
        click.echo(f"{name}: {'removed ' if yes else ''}{image.name}   {image.size / 1e6:,.0f} MB")
    size = sum(image.size for _, image in found) / 1e9  # images may share layers
    what = f"{counted(len(found), 'image')}, up to {size:,.1f} GB"
    click.echo(f"{what}, removed" if yes else f"{what}, would go: --yes removes them")
