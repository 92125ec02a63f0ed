"""Sandboxes: environments in which tools and scorers run what a model wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.common.types import EnvironmentSpec
    from olmo_eval.sandbox.backend import (
        BuiltImage,
        ExecResult,
        Lease,
        Sandbox,
        SandboxBackend,
        SandboxError,
    )
    from olmo_eval.sandbox.config import Capability, SandboxConfig, SandboxMode, parse_size
    from olmo_eval.sandbox.manager import ExecutorBinding, SandboxExecutor, SandboxManager

__all__ = [
    "BuiltImage",
    "Capability",
    "EnvironmentSpec",
    "ExecResult",
    "ExecutorBinding",
    "Lease",
    "Sandbox",
    "SandboxBackend",
    "SandboxConfig",
    "SandboxError",
    "SandboxExecutor",
    "SandboxManager",
    "SandboxMode",
    "parse_size",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "BuiltImage": "olmo_eval.sandbox.backend",
        "Capability": "olmo_eval.sandbox.config",
        "EnvironmentSpec": "olmo_eval.common.types",
        "ExecResult": "olmo_eval.sandbox.backend",
        "ExecutorBinding": "olmo_eval.sandbox.manager",
        "Lease": "olmo_eval.sandbox.backend",
        "Sandbox": "olmo_eval.sandbox.backend",
        "SandboxBackend": "olmo_eval.sandbox.backend",
        "SandboxConfig": "olmo_eval.sandbox.config",
        "SandboxError": "olmo_eval.sandbox.backend",
        "SandboxExecutor": "olmo_eval.sandbox.manager",
        "SandboxManager": "olmo_eval.sandbox.manager",
        "SandboxMode": "olmo_eval.sandbox.config",
        "parse_size": "olmo_eval.sandbox.config",
    },
)
