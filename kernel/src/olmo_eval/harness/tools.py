"""The published names of tools; they live in ``olmo_eval.agents.tools``."""

from olmo_eval.agents.tools import Tool, registered_tool, tool

__all__ = ["Tool", "registered_tool", "tool"]
