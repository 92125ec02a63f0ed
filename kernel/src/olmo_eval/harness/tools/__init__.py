"""The published names of tools; they live in ``olmo_eval.agents``."""

from olmo_eval.agents.lookup import (
    TOOL_REGISTRY,
    clear_registry,
    ensure_tools_registered,
    get_tool,
    get_tools,
    list_tools,
    load_tools,
    register_tool,
)
from olmo_eval.agents.tools import Tool, registered_tool, tool

__all__ = [
    "TOOL_REGISTRY",
    "Tool",
    "clear_registry",
    "ensure_tools_registered",
    "get_tool",
    "get_tools",
    "list_tools",
    "load_tools",
    "register_tool",
    "registered_tool",
    "tool",
]
