"""Sandboxes: environments in which tools and scorers run what a model wrote."""

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.sandbox.backend import ExecResult, Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.config import SandboxConfig

__all__ = [
    "EnvironmentSpec",
    "ExecResult",
    "Sandbox",
    "SandboxBackend",
    "SandboxConfig",
    "SandboxError",
]
