"""Running the tool that a model called."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from olmo_eval.agents.arguments import parse_arguments
from olmo_eval.agents.limits import LimitReached
from olmo_eval.agents.tools import Tool
from olmo_eval.common.types import ToolCall, ToolResult
from olmo_eval.errors import ProviderError
from olmo_eval.judges.judge import JudgeError
from olmo_eval.sandbox.backend import SandboxError

if TYPE_CHECKING:
    from olmo_eval.agents.episode import Episode

#: failures that are neither the model's mistake nor the tool's answer
_FATAL = (SandboxError, ProviderError, JudgeError, LimitReached)


async def run_tool(tools: Mapping[str, Tool], call: ToolCall, episode: Episode) -> ToolResult:
    """What ``call`` returns; what the model or the tool did wrong comes back as text.

    Raises:
        SandboxError, ProviderError, JudgeError: what the tool works with failed. LimitReached: the
            tool asked the evaluated model, which may not be asked any more.
    """
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(tools) or "none"
        return ToolResult(call.id, f"There is not a tool {call.name!r}; tools: {known}.", True)
    arguments, problem = parse_arguments(tool, call.arguments)
    if problem:
        return ToolResult(call.id, problem, True)
    if tool.requires is not None:
        arguments["sandbox"] = await episode.sandbox(tool.requires)
    if tool.takes_episode:
        arguments["episode"] = episode
    try:
        value = await _invoke(tool, arguments)
    except _FATAL:
        raise
    except Exception as error:  # whatever else a tool raises is for the model to read
        return ToolResult(call.id, f"{tool.name} failed: {error or type(error).__name__}", True)
    return ToolResult(call.id, value if isinstance(value, str) else _as_json(value))


async def _invoke(tool: Tool, arguments: dict[str, Any]) -> Any:
    """Call a tool; a plain function runs in a thread, so that it blocks nobody."""
    if inspect.iscoroutinefunction(tool.function):
        return await tool.function(**arguments)
    value = await anyio.to_thread.run_sync(
        lambda: tool.function(**arguments), abandon_on_cancel=True
    )
    return await value if inspect.isawaitable(value) else value


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)
