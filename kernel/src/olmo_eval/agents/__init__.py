"""Everything that happens between a question and its final answer: scaffolds, tools, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.agents.limits import Limits
    from olmo_eval.agents.scaffold import LimitReached, Scaffold, ScaffoldContext
    from olmo_eval.agents.tools import Tool, registered_tool, tool

__all__ = [
    "LimitReached",
    "Limits",
    "Scaffold",
    "ScaffoldContext",
    "Tool",
    "registered_tool",
    "tool",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "LimitReached": "olmo_eval.agents.scaffold",
        "Limits": "olmo_eval.agents.limits",
        "Scaffold": "olmo_eval.agents.scaffold",
        "ScaffoldContext": "olmo_eval.agents.scaffold",
        "Tool": "olmo_eval.agents.tools",
        "registered_tool": "olmo_eval.agents.tools",
        "tool": "olmo_eval.agents.tools",
    },
)
