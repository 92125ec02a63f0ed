"""Sandboxes: environments in which tools and scorers run what a model wrote."""

from olmo_eval.harness.config import SandboxConfig
from olmo_eval.harness.sandbox.backend import ExecResult, Sandbox, SandboxBackend, SandboxError

__all__ = ["ExecResult", "Sandbox", "SandboxBackend", "SandboxConfig", "SandboxError"]
