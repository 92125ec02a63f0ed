"""The published names of sandboxes; they live in ``olmo_eval.sandbox``."""

from olmo_eval.sandbox import ExecResult, Sandbox, SandboxBackend, SandboxConfig, SandboxError

__all__ = ["ExecResult", "Sandbox", "SandboxBackend", "SandboxConfig", "SandboxError"]
