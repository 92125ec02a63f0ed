"""Which sandbox backend is taken where nobody names one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import anyio
from attrs import frozen

from olmo_eval import plugins
from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox.backend import SandboxBackend, SandboxError
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.pool import make_backend


@frozen
class Reachable:
    """The first ``automatic`` backend whose engine answers, by name; None where none does.

    ``problems`` says of each that was tried before, by name, why it cannot be used, with the way
    out.
    """

    backend: str | None
    problems: Mapping[str, str]


def find_reachable() -> Reachable:
    """Try the backends that are ``automatic``, in the order of their names."""
    registry = plugins.manager().registry("sandboxes")
    problems: dict[str, str] = {}
    for name in registry.names():
        try:
            if not registry.get(name).automatic:
                continue
            anyio.run(_try, make_backend(SandboxConfig(mode=name)))
        except OlmoEvalError as error:
            hint = f" ({error.hint})" if error.hint and isinstance(error, SandboxError) else ""
            problems[name] = " ".join(f"{error.message}{hint}".split())
        else:
            return Reachable(name, problems)
    return Reachable(None, problems)


async def reach(configs: Iterable[SandboxConfig]) -> None:
    """Ask once whether the engines of ``configs`` answer, each backend once.

    Raises:
        SandboxError: one does not; with the way out.
    """
    for config in {config.backend: config for config in configs}.values():
        await _try(make_backend(config))


async def _try(backend: SandboxBackend) -> None:
    """Raises SandboxError: its engine does not answer."""
    await backend.start()
    await backend.close()
