"""The published names of sandboxes; they live in ``olmo_eval.sandbox``."""

from olmo_eval.sandbox import (
    EnvironmentSpec,
    ExecResult,
    Sandbox,
    SandboxBackend,
    SandboxConfig,
    SandboxError,
)

__all__ = [
    "EnvironmentSpec",
    "ExecResult",
    "Sandbox",
    "SandboxBackend",
    "SandboxConfig",
    "SandboxError",
]
