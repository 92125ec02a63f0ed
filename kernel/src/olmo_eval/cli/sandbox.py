"""``olmo-eval sandbox``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, override_option
from olmo_eval.cli.sandbox_backends import (
    backend_option,
    everywhere,
    made,
    short_id,
    with_environment,
)
from olmo_eval.cli.sandbox_reap import reap

if TYPE_CHECKING:
    from olmo_eval.sandbox.backend import BuiltImage, Lease, Sandbox, SandboxBackend

#: before what the end of a shell says: where it was
_WHERE = "\x1f"
_TELLING_WHERE = """trap 'printf "\\037%s" "$PWD" >&2' EXIT"""


@click.group()
def sandbox() -> None:
    """Sandboxes: what they enforce, what is left of them, and a look inside."""


_override_option = override_option("Setting of the backend.")


@sandbox.command()
@backend_option(required=True)
@_override_option
@json_option
def check(backend: str, overrides: Sequence[str], as_json: bool) -> int:
    """Try what BACKEND says it enforces, in a fresh environment of its own.

    What is promised and not kept makes the exit code 1.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    rows = with_environment(made(backend, overrides), _probed)
    if as_json:
        print_json(rows)
    else:
        columns = ("enforces", "promised", "found", "evidence")
        table(
            [(name, "left") for name in columns],
            [
                [row["promise"], _yes(row["promised"]), row["found"], row["evidence"]]
                for row in rows
            ],
        )
    return int(any(row["promised"] and row["found"] != "kept" for row in rows))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


async def _probed(backend: SandboxBackend, box: Sandbox) -> list[dict[str, Any]]:
    from olmo_eval.sandbox.probes import PROBES

    rows = []
    for probe in PROBES:
        promised = probe.name in backend.enforces
        # what nobody promises is not tried: a fork bomb would be one
        found = await probe.look(box, backend.config) if promised else None
        rows.append(
            {
                "name": probe.name,
                "promise": probe.promise,
                "promised": promised,
                "found": "-" if found is None else "kept" if found.kept else "BROKEN",
                "evidence": "" if found is None else found.evidence,
            }
        )
    return rows


@sandbox.command(name="list")
@backend_option(required=False)
@json_option
def list_(backend: str | None, as_json: bool) -> None:
    """List environments and images: which run has them and until when, and what was built to be
    used again."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    async def look(engine: SandboxBackend) -> tuple[list[Lease], list[BuiltImage]]:
        return await engine.leases(), await engine.images()

    found = everywhere(backend, look)
    leases = [(name, lease) for name, (some, _) in found for lease in some]
    images = [(name, image) for name, (_, some) in found for image in some]
    if as_json:
        print_json({"environments": list(map(_lease, leases)), "images": list(map(_image, images))})
        return
    if not leases:
        click.echo("no environments")
    else:
        heads = ("backend", "id", "run", "lease", "state")
        cells = [
            [row["backend"], short_id(row["id"]), row["run"], f"{row['expires_in']} s", _state(row)]
            for row in map(_lease, leases)
        ]
        table([(head, "left") for head in heads], cells)
    if images:
        click.echo("")
        built = ("backend", "image", "size", "built")
        table([(head, "left") for head in built], [_shown(*one) for one in images])


def _lease(named: tuple[str, Lease]) -> dict[str, Any]:
    name, lease = named
    return {
        "backend": name,
        "id": lease.id,
        "run": lease.run_id,
        "expires_in": round(lease.expires - time.time()),
        "expired": lease.expired,
    }


def _image(named: tuple[str, BuiltImage]) -> dict[str, Any]:
    name, image = named
    return {"backend": name, "name": image.name, "size": image.size, "created": image.created}


def _shown(backend: str, image: BuiltImage) -> list[str]:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(image.created))
    return [backend, image.name, f"{image.size / 1e6:,.0f} MB", made]


def _state(row: dict[str, Any]) -> str:
    return "expired" if row["expired"] else "in use"


sandbox.add_command(reap)


@sandbox.command()
@backend_option(required=True)
@_override_option
def shell(backend: str, overrides: Sequence[str]) -> None:
    """Run the lines you type in a fresh environment of BACKEND.

    Each line is a shell of its own, in the folder that the one before it went to. `exit`, or the
    end of your input, ends the environment.
    """
    with_environment(made(backend, overrides), _conversation)


async def _conversation(backend: SandboxBackend, box: Sandbox) -> None:
    import anyio.to_thread

    folder = "."
    while True:
        try:
            line = await anyio.to_thread.run_sync(lambda: input("$ "))
        except EOFError:
            return
        if line.split()[:1] == ["exit"]:
            return
        result = await box.exec(["sh", "-c", f"{_TELLING_WHERE}\n{line}"], cwd=folder)
        said, told, there = result.stderr.rpartition(_WHERE)
        said, folder = (said, there) if told else (result.stderr, folder)
        click.echo(result.stdout, nl=False)
        if said:
            click.echo(said, nl=not said.endswith("\n"), err=True)
        if result.timed_out:
            click.echo(f"[ended after {backend.config.command_timeout:g} s]", err=True)
        elif not result.ok:
            click.echo(f"[exit code {result.exit_code}]", err=True)
