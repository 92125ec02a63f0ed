"""Sandboxes: environments in which tools and scorers run what a model wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.common.types import EnvironmentSpec
    from olmo_eval.sandbox.backend import (
        ExecResult,
        Lease,
        Sandbox,
        SandboxBackend,
        SandboxError,
    )
    from olmo_eval.sandbox.config import SandboxConfig, parse_size

__all__ = [
    "EnvironmentSpec",
    "ExecResult",
    "Lease",
    "Sandbox",
    "SandboxBackend",
    "SandboxConfig",
    "SandboxError",
    "parse_size",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "EnvironmentSpec": "olmo_eval.common.types",
        "ExecResult": "olmo_eval.sandbox.backend",
        "Lease": "olmo_eval.sandbox.backend",
        "Sandbox": "olmo_eval.sandbox.backend",
        "SandboxBackend": "olmo_eval.sandbox.backend",
        "SandboxConfig": "olmo_eval.sandbox.config",
        "SandboxError": "olmo_eval.sandbox.backend",
        "parse_size": "olmo_eval.sandbox.config",
    },
)
