"""The runtime policy: how a task is run, never what it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olmo_eval.agents.tools import Tool, registered_tool, tool
from olmo_eval.common.types import Capability
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.presets import get_harness_preset
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.sandbox.config import SandboxConfig

if TYPE_CHECKING:
    from olmo_eval.harness.runtime import Harness

__all__ = [
    "Capability",
    "Harness",
    "HarnessConfig",
    "Provider",
    "ProviderConfig",
    "SandboxConfig",
    "Tool",
    "get_harness_preset",
    "registered_tool",
    "tool",
]


def __getattr__(name: str) -> Any:
    if name == "Harness":
        from olmo_eval.harness.runtime import Harness

        return Harness
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
