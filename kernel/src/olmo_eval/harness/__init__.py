"""The runtime policy: how a task is run, never what it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.agents.lookup import (
        SCAFFOLD_REGISTRY,
        TOOL_REGISTRY,
        clear_registry,
        ensure_tools_registered,
        get_scaffold,
        get_scaffold_extras,
        get_tool,
        get_tools,
        list_scaffolds,
        list_tools,
        register_scaffold,
        register_tool,
        validate_scaffold,
    )
    from olmo_eval.agents.scaffold import (
        Scaffold,
    )
    from olmo_eval.agents.tools import (
        Tool,
        registered_tool,
        tool,
    )
    from olmo_eval.common.types import (
        Capability,
    )
    from olmo_eval.harness.config import (
        HarnessConfig,
        load_harness,
    )
    from olmo_eval.harness.presets import (
        HarnessPresets,
        create_harness,
        get_harness_preset,
        harness_config,
        list_harness_presets,
        register_harness_preset,
    )
    from olmo_eval.harness.runtime import (
        Harness,
        HarnessResult,
    )
    from olmo_eval.providers.provider import (
        Provider,
        ProviderConfig,
    )
    from olmo_eval.sandbox.config import (
        SandboxConfig,
    )

__all__ = [
    "Capability",
    "Harness",
    "HarnessConfig",
    "HarnessPresets",
    "HarnessResult",
    "Provider",
    "ProviderConfig",
    "SCAFFOLD_REGISTRY",
    "SandboxConfig",
    "Scaffold",
    "TOOL_REGISTRY",
    "Tool",
    "clear_registry",
    "create_harness",
    "ensure_tools_registered",
    "get_harness_preset",
    "get_scaffold",
    "get_scaffold_extras",
    "get_tool",
    "get_tools",
    "harness_config",
    "list_harness_presets",
    "list_scaffolds",
    "list_tools",
    "load_harness",
    "register_harness_preset",
    "register_scaffold",
    "register_tool",
    "registered_tool",
    "tool",
    "validate_scaffold",
]

_getattr, __dir__ = lazy(
    __name__,
    {
        "Capability": "olmo_eval.common.types",
        "Harness": "olmo_eval.harness.runtime",
        "HarnessConfig": "olmo_eval.harness.config",
        "HarnessPresets": "olmo_eval.harness.presets",
        "HarnessResult": "olmo_eval.harness.runtime",
        "Provider": "olmo_eval.providers.provider",
        "ProviderConfig": "olmo_eval.providers.provider",
        "SCAFFOLD_REGISTRY": "olmo_eval.agents.lookup",
        "SandboxConfig": "olmo_eval.sandbox.config",
        "Scaffold": "olmo_eval.agents.scaffold",
        "TOOL_REGISTRY": "olmo_eval.agents.lookup",
        "Tool": "olmo_eval.agents.tools",
        "clear_registry": "olmo_eval.agents.lookup",
        "create_harness": "olmo_eval.harness.presets",
        "ensure_tools_registered": "olmo_eval.agents.lookup",
        "get_harness_preset": "olmo_eval.harness.presets",
        "get_scaffold": "olmo_eval.agents.lookup",
        "get_scaffold_extras": "olmo_eval.agents.lookup",
        "get_tool": "olmo_eval.agents.lookup",
        "get_tools": "olmo_eval.agents.lookup",
        "harness_config": "olmo_eval.harness.presets",
        "list_harness_presets": "olmo_eval.harness.presets",
        "list_scaffolds": "olmo_eval.agents.lookup",
        "list_tools": "olmo_eval.agents.lookup",
        "load_harness": "olmo_eval.harness.config",
        "register_harness_preset": "olmo_eval.harness.presets",
        "register_scaffold": "olmo_eval.agents.lookup",
        "register_tool": "olmo_eval.agents.lookup",
        "registered_tool": "olmo_eval.agents.tools",
        "tool": "olmo_eval.agents.tools",
        "validate_scaffold": "olmo_eval.agents.lookup",
    },
)


def __getattr__(name: str) -> Any:
    if name in ("OpenAIAgentsScaffold", "OpenHandsScaffold"):  # a plugin supplies them
        from olmo_eval.harness import scaffolds

        return getattr(scaffolds, name)
    return _getattr(name)
