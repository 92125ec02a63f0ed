"""Backends of clouds, whose services are on loopback here."""

from __future__ import annotations

from olmo_eval.sandbox import SandboxConfig
from olmo_eval_sandboxes.common.backend import RelayBackend
from olmo_eval_sandboxes.kubernetes.backend import KubernetesBackend
from olmo_eval_sandboxes.modal.backend import ModalBackend

CLOUDS: dict[str, type[RelayBackend]] = {"modal": ModalBackend, "kubernetes": KubernetesBackend}


def small(name: str, **settings: object) -> RelayBackend:
    """A backend whose environments are small enough to fill."""
    config = {"mode": name, "memory": "256m", "disk": "32m", "pids": 64, **settings}
    return CLOUDS[name](SandboxConfig(**config))  # type: ignore[arg-type, call-arg]
