"""Everything between a question and its final answer: episodes, scaffolds, tools, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.agents.episode import Episode
    from olmo_eval.agents.limits import EpisodeEnded, LimitReached, Limits, Submitted
    from olmo_eval.agents.scaffold import Scaffold
    from olmo_eval.agents.simulated_user import SimulatedUser
    from olmo_eval.agents.tools import (
        Tool,
        ToolError,
        ToolUnavailableError,
        registered_tool,
        tool,
    )
    from olmo_eval.agents.toolset import Toolset

__all__ = [
    "Episode",
    "EpisodeEnded",
    "LimitReached",
    "Limits",
    "Scaffold",
    "SimulatedUser",
    "Submitted",
    "Tool",
    "ToolError",
    "ToolUnavailableError",
    "Toolset",
    "registered_tool",
    "tool",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Episode": "olmo_eval.agents.episode",
        "EpisodeEnded": "olmo_eval.agents.limits",
        "LimitReached": "olmo_eval.agents.limits",
        "Limits": "olmo_eval.agents.limits",
        "Scaffold": "olmo_eval.agents.scaffold",
        "SimulatedUser": "olmo_eval.agents.simulated_user",
        "Submitted": "olmo_eval.agents.limits",
        "Tool": "olmo_eval.agents.tools",
        "ToolError": "olmo_eval.agents.tools",
        "ToolUnavailableError": "olmo_eval.agents.tools",
        "Toolset": "olmo_eval.agents.toolset",
        "registered_tool": "olmo_eval.agents.tools",
        "tool": "olmo_eval.agents.tools",
    },
)
