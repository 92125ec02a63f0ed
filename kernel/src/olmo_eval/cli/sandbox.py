"""``olmo-eval sandbox``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, override_option
from olmo_eval.errors import OlmoEvalError

if TYPE_CHECKING:
    from olmo_eval.sandbox.backend import BuiltImage, Lease, Sandbox, SandboxBackend

_ONE = "olmo-eval-sandbox"
#: before what the end of a shell says: where it was
_WHERE = "\x1f"
_TELLING_WHERE = """trap 'printf "\\037%s" "$PWD" >&2' EXIT"""
#: characters of a container's id
_DIGEST = 64


@click.group()
def sandbox() -> None:
    """Sandboxes: what they enforce, what is left of them, and a look inside."""


def _backend_option(required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--sandbox",
        "backend",
        metavar="BACKEND",
        required=required,
        help="Backend." if required else "Only this backend. Default: all that can be reached.",
    )


_override_option = override_option("Setting of the backend.")


@sandbox.command()
@_backend_option(required=True)
@_override_option
@json_option
def check(backend: str, overrides: Sequence[str], as_json: bool) -> int:
    """Try what BACKEND says it enforces, in a fresh environment of its own.

    What is promised and not kept makes the exit code 1.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    rows = _with_environment(_made(backend, overrides), _probed)
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
@_backend_option(required=False)
@json_option
def list_(backend: str | None, as_json: bool) -> None:
    """List environments and images: which run has them and until when, and what was built to be
    used again."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    found = _everywhere(backend, "leases", "images")
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
            [row["backend"], _short(row["id"]), row["run"], f"{row['expires_in']} s", _state(row)]
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


def _short(name: str) -> str:
    """An id as engines show it: the beginning of a digest, a name in full."""
    return name[:12] if len(name) == _DIGEST else name


def _state(row: dict[str, Any]) -> str:
    return "expired" if row["expired"] else "in use"


@sandbox.command()
@_backend_option(required=False)
def reap(backend: str | None) -> None:
    """Remove environments whose lease has expired, and no others."""
    removed = 0
    for name, (gone,) in _everywhere(backend, "reap"):
        removed += len(gone)
        for one in gone:
            click.echo(f"{name}: removed {_short(one)}")
    click.echo(f"{removed} environment{'s' * (removed != 1)} removed")


@sandbox.command()
@_backend_option(required=True)
@_override_option
def shell(backend: str, overrides: Sequence[str]) -> None:
    """Run the lines you type in a fresh environment of BACKEND.

    Each line is a shell of its own, in the folder that the one before it went to. `exit`, or the
    end of your input, ends the environment.
    """
    _with_environment(_made(backend, overrides), _conversation)


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


def _made(name: str, overrides: Sequence[str] = ()) -> SandboxBackend:
    """A backend by its name; whoever names one that does not isolate accepts that."""
    from olmo_eval import plugins
    from olmo_eval.common.overrides import apply_overrides, parse_override
    from olmo_eval.sandbox.config import SandboxConfig
    from olmo_eval.sandbox.pool import make_backend

    kind = plugins.manager().registry("sandboxes").get(name)
    config = SandboxConfig(mode=name, unsafe_local=not kind.isolates)
    parsed = [parse_override(text) for text in overrides]
    config = apply_overrides(config, parsed, where=f"sandbox {name!r}")
    return make_backend(config.made_by(name))


def _with_environment(
    backend: SandboxBackend, use: Callable[[SandboxBackend, Sandbox], Awaitable[Any]]
) -> Any:
    import anyio

    async def main() -> Any:
        await backend.start()
        try:
            await backend.prepare(_ONE, None)
            box = await backend.create(_ONE)
            try:
                return await use(backend, box)
            finally:
                await box.close()
        finally:
            await backend.close()

    return anyio.run(main)


def _everywhere(only: str | None, *methods: str) -> list[tuple[str, list[list[Any]]]]:
    """What some methods of each backend that can be reached say; notes about the others.

    Raises:
        OlmoEvalError: the only one that was asked for cannot be reached.
    """
    import anyio

    from olmo_eval import plugins

    async def ask(backend: SandboxBackend) -> list[list[Any]]:
        await backend.start()
        try:
            return [await getattr(backend, method)() for method in methods]
        finally:
            await backend.close()

    names = [only] if only else list(plugins.manager().registry("sandboxes").names())
    said = []
    for name in names:
        try:
            said.append((name, anyio.run(ask, _made(name))))
        except OlmoEvalError as error:
            if only:
                raise
            click.echo(f"note: {name}: {error.message}", err=True)
    return said
