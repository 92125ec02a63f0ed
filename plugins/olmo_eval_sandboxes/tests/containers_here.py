"""Container engines, where the machine has them."""

from __future__ import annotations

import anyio

from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox import SandboxBackend, SandboxConfig
from olmo_eval_sandboxes.containers.backend import ContainerBackend, DockerBackend, PodmanBackend

ENGINES: dict[str, type[ContainerBackend]] = {"docker": DockerBackend, "podman": PodmanBackend}


def small(name: str, **settings: object) -> SandboxBackend:
    """A backend whose environments are small enough to fill."""
    config = {"mode": name, "memory": "256m", "disk": "32m", "pids": 64, **settings}
    return ENGINES[name](SandboxConfig(**config))  # type: ignore[arg-type]


def why_not(name: str) -> str:
    """Why an engine cannot be used here; empty where it can."""

    async def connect() -> None:
        backend = small(name)
        await backend.start()
        await backend.close()

    try:
        anyio.run(connect)
    except OlmoEvalError as error:
        return f"{error.message} ({error.hint})"
    return ""
