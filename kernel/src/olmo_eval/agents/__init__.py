"""Everything between a question and its final answer: episodes, scaffolds, tools, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.agents.episode import Episode
    from olmo_eval.agents.limits import LimitReached, Limits
    from olmo_eval.agents.scaffold import Scaffold
    from olmo_eval.agents.tools import Tool, registered_tool, tool

__all__ = [
    "Episode",
    "LimitReached",
    "Limits",
    "Scaffold",
    "Tool",
    "registered_tool",
    "tool",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Episode": "olmo_eval.agents.episode",
        "LimitReached": "olmo_eval.agents.limits",
        "Limits": "olmo_eval.agents.limits",
        "Scaffold": "olmo_eval.agents.scaffold",
        "Tool": "olmo_eval.agents.tools",
        "registered_tool": "olmo_eval.agents.tools",
        "tool": "olmo_eval.agents.tools",
    },
)
