"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

OLMO_EVAL_API = 1


@hookimpl
def register_sandboxes(register: Any) -> None:
    register("docker", "olmo_eval_sandboxes.containers.backend:DockerBackend")
    register("podman", "olmo_eval_sandboxes.containers.backend:PodmanBackend")
    register("kubernetes", "olmo_eval_sandboxes.kubernetes.backend:KubernetesBackend")
    register("modal", "olmo_eval_sandboxes.modal.backend:ModalBackend")
    register("local", "olmo_eval_sandboxes.local.backend:LocalBackend")


@hookimpl
def register_checks(register: Any) -> None:
    for name in ("docker", "kubernetes", "local", "modal", "podman"):
        register(name, f"olmo_eval_sandboxes.checks:{name}")
