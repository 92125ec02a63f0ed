"""Sandbox backends as the commands of ``olmo-eval sandbox`` use them: one by name, or all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from olmo_eval.errors import OlmoEvalError

if TYPE_CHECKING:
    from olmo_eval.sandbox.backend import Sandbox, SandboxBackend

T = TypeVar("T")

_ONE = "olmo-eval-sandbox"
#: characters of a container's id
_DIGEST = 64


def backend_option(required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--sandbox",
        "backend",
        metavar="BACKEND",
        required=required,
        help="Backend." if required else "Only this backend. Default: all that can be reached.",
    )


def short_id(name: str) -> str:
    """An id as engines show it: the beginning of a digest, a name in full."""
    return name[:12] if len(name) == _DIGEST else name


def made(name: str, overrides: Sequence[str] = ()) -> SandboxBackend:
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


def with_environment(
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


def everywhere(
    only: str | None, use: Callable[[SandboxBackend], Awaitable[T]]
) -> list[tuple[str, T]]:
    """What ``use`` makes of each backend that can be reached, by name; a note about the others.

    Raises:
        OlmoEvalError: the only one that was asked for cannot be reached.
    """
    import anyio

    from olmo_eval import plugins
    from olmo_eval.sandbox.backend import SandboxError

    async def ask(backend: SandboxBackend) -> T:
        await backend.start()
        try:
            return await use(backend)
        finally:
            await backend.close()

    said, unused = [], []
    for name in [only] if only else list(plugins.manager().registry("sandboxes").names()):
        try:
            said.append((name, anyio.run(ask, made(name))))
        except OlmoEvalError as error:
            if only:
                raise
            if isinstance(error, SandboxError):
                click.echo(f"note: {name}: {error.message}", err=True)
            else:
                unused.append(name)
    if unused:
        names = ", ".join(unused)
        click.echo(f"note: not set up here: {names} (--sandbox NAME says why)", err=True)
    return said
