"""What ``olmo-eval doctor`` looks at for these backends: engines that answer, and namespaces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from olmo_eval.doctor import Checkup, Finding, Level, find_modules
from olmo_eval.errors import OlmoEvalError

if TYPE_CHECKING:
    from olmo_eval_sandboxes.containers.engine import ImageEngine

_CONFINED = "what models write is kept from harm by a container: install docker or podman"


def docker(checkup: Checkup) -> Iterator[Finding]:
    """Whether a Docker daemon answers."""
    from olmo_eval_sandboxes.containers.docker import DockerEngine

    yield _engine(DockerEngine(), checkup)


def podman(checkup: Checkup) -> Iterator[Finding]:
    """Whether a Podman service answers."""
    from olmo_eval_sandboxes.containers.podman import PodmanEngine

    yield _engine(PodmanEngine(), checkup)


def _engine(engine: ImageEngine, checkup: Checkup) -> Finding:
    """Installed and not reached is a warning only where somebody has said where the engine is."""
    installed = find_modules("", (engine.name,), _install(engine.name), checkup)
    if installed.level is not Level.OK:
        return installed
    variable = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}[engine.name]
    host = os.environ.get(variable)
    try:
        engine.connect()
    except OlmoEvalError as error:
        return Finding(Level.WARNING if host else Level.ABSENT, error.message, error.hint or "")
    finally:
        engine.close()
    where = f" at {variable}={host}" if host else ""
    return Finding(Level.OK, f"answers{where} (SDK: {installed.found})")


def kubernetes(checkup: Checkup) -> Iterator[Finding]:
    """Whether there is a client and a configuration; no cluster is asked."""
    installed = find_modules("", ("kubernetes",), _install("kubernetes"), checkup)
    given = os.environ.get("KUBECONFIG")
    files = [Path(name) for name in (given or "~/.kube/config").split(os.pathsep) if name]
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ
    if installed.level is not Level.OK:
        yield installed
    elif in_cluster or any(file.expanduser().is_file() for file in files):
        yield Finding(Level.OK, f"{installed.found} and a configuration (no cluster was asked)")
    else:
        level = Level.WARNING if given else Level.ABSENT
        found = f"{installed.found}, but no configuration in {', '.join(map(str, files))}"
        yield Finding(level, found, "set KUBECONFIG to a file that kubectl works with")


def modal(checkup: Checkup) -> Iterator[Finding]:
    """Whether there is an SDK and credentials; Modal is not asked."""
    installed = find_modules("", ("modal",), _install("modal"), checkup)
    variables = {"MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"} <= set(os.environ)
    file = Path(os.environ.get("MODAL_CONFIG_PATH", "~/.modal.toml")).expanduser()
    if installed.level is not Level.OK:
        yield installed
    elif variables or file.is_file():
        yield Finding(Level.OK, f"{installed.found} and credentials (Modal was not asked)")
    else:
        way_out = "run `modal token new`, or export MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"
        yield Finding(Level.ABSENT, f"{installed.found}, but no credentials", way_out)


def local(_checkup: Checkup) -> Iterator[Finding]:
    """Whether commands get namespaces of their own on this machine: it is tried."""
    from olmo_eval.sandbox import SandboxConfig
    from olmo_eval_sandboxes.local import namespaces

    why = namespaces.why_not(SandboxConfig(mode="local"))
    if why:
        yield Finding(Level.WARNING, f"commands have no namespaces of their own: {why}", _CONFINED)
    else:
        yield Finding(Level.OK, "commands have namespaces of their own")


def _install(extra: str) -> str:
    return f"pip install 'olmo-eval-sandboxes[{extra}]'"
