"""The published names of sandboxes; they live in ``olmo_eval.sandbox``."""

from olmo_eval.sandbox import (
    Capability,
    EnvironmentSpec,
    ExecResult,
    ExecutorBinding,
    Sandbox,
    SandboxBackend,
    SandboxConfig,
    SandboxError,
    SandboxExecutor,
    SandboxManager,
    SandboxMode,
)

__all__ = [
    "Capability",
    "EnvironmentSpec",
    "ExecResult",
    "ExecutorBinding",
    "Sandbox",
    "SandboxBackend",
    "SandboxConfig",
    "SandboxError",
    "SandboxExecutor",
    "SandboxManager",
    "SandboxMode",
]
