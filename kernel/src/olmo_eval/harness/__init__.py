"""The runtime policy: how a task is run, never what it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.agents.scaffold import Scaffold
    from olmo_eval.agents.tools import Tool, registered_tool, tool
    from olmo_eval.common.types import Capability
    from olmo_eval.harness.config import HarnessConfig, load_harness
    from olmo_eval.harness.presets import get_harness_preset
    from olmo_eval.harness.runtime import Harness, HarnessResult
    from olmo_eval.providers.provider import Provider, ProviderConfig
    from olmo_eval.sandbox.config import SandboxConfig

__all__ = [
    "Capability",
    "Harness",
    "HarnessConfig",
    "HarnessResult",
    "Provider",
    "ProviderConfig",
    "SandboxConfig",
    "Scaffold",
    "Tool",
    "get_harness_preset",
    "load_harness",
    "registered_tool",
    "tool",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Capability": "olmo_eval.common.types",
        "Harness": "olmo_eval.harness.runtime",
        "HarnessConfig": "olmo_eval.harness.config",
        "HarnessResult": "olmo_eval.harness.runtime",
        "Provider": "olmo_eval.providers.provider",
        "ProviderConfig": "olmo_eval.providers.provider",
        "SandboxConfig": "olmo_eval.sandbox.config",
        "Scaffold": "olmo_eval.agents.scaffold",
        "Tool": "olmo_eval.agents.tools",
        "get_harness_preset": "olmo_eval.harness.presets",
        "load_harness": "olmo_eval.harness.config",
        "registered_tool": "olmo_eval.agents.tools",
        "tool": "olmo_eval.agents.tools",
    },
)
