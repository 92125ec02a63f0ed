"""What happened between the first request and the final answer, turn by turn."""

from __future__ import annotations

from attrs import frozen

from olmo_eval.common.types.tools import ToolCall, ToolResult
from olmo_eval.common.types.usage import Usage


@frozen
class Turn:
    """One answer of the model and the results of the tools it called."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    usage: Usage | None = None


@frozen
class Trajectory:
    """The turns of one multi-turn execution, in order.

    ``stop_reason`` is ``"answer"`` when the model stopped by itself, else the limit that ended
    it: ``"max_turns"``, ``"max_tokens"`` or ``"timeout"``.
    """

    turns: tuple[Turn, ...] = ()
    stop_reason: str = "answer"
