"""Running the tool that a model called."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import attrs

from olmo_eval.agents.arguments import parse_arguments
from olmo_eval.agents.limits import EpisodeEnded
from olmo_eval.agents.timeline import RecordedSandbox
from olmo_eval.agents.tools import Tool, ToolError, ToolUnavailableError
from olmo_eval.common.convert import to_json
from olmo_eval.common.text import shorten
from olmo_eval.common.types import ToolCall, ToolResult
from olmo_eval.errors import ProviderError
from olmo_eval.judges.judge import JudgeError
from olmo_eval.sandbox.backend import SandboxError

if TYPE_CHECKING:
    from olmo_eval.agents.episode import Episode

#: failures that are neither the model's mistake nor the tool's answer
_FATAL = (SandboxError, ProviderError, JudgeError, ToolUnavailableError, EpisodeEnded)
#: seconds that a tool whose commands have run out of time may take to say what they printed
_GRACE = 5.0


async def run_tool(tools: Mapping[str, Tool], call: ToolCall, episode: Episode) -> ToolResult:
    """What ``call`` returns; what the model or the tool did wrong comes back as text.

    Raises:
        SandboxError, ProviderError, JudgeError, ToolUnavailableError: what the tool works with
            failed. LimitReached: the tool asked the evaluated model, which may not be asked any
            more. Submitted: the tool was given the final answer.
    """
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(tools) or "none"
        return ToolResult(call.id, f"There is not a tool {call.name!r}; tools: {known}.", True)
    arguments, problem = parse_arguments(tool, call.arguments)
    if problem:
        return ToolResult(call.id, problem, True)
    content, failed = await _answer(tool, arguments, episode)
    return ToolResult(call.id, shorten(content, tool.output_limit), failed)


async def _answer(tool: Tool, arguments: dict[str, Any], episode: Episode) -> tuple[str, bool]:
    """What the model is told, and whether it is of a failure."""
    try:
        states = () if tool.state is None else (episode.tool_state(tool.state),)
        await _give(tool, arguments, episode)
        limit = tool.timeout
        if limit is not None and tool.requires is not None:
            limit += _GRACE
        with anyio.move_on_after(limit) as scope:
            value = await _invoke(tool, states, arguments)
        if scope.cancelled_caught:
            return f"{tool.name} took longer than {tool.timeout:g} s and was stopped.", True
    except _FATAL:
        raise
    except ToolError as error:
        return error.message, True
    except Exception as error:  # whatever else a tool raises is for the model to read
        return f"{tool.name} failed: {error or type(error).__name__}", True
    return value if isinstance(value, str) else _as_json(value), False


async def _give(tool: Tool, arguments: dict[str, Any], episode: Episode) -> None:
    """Add what does not come from the model."""
    if tool.requires is not None:
        sandbox = await episode.sandbox(tool.requires)
        if tool.timeout is not None and isinstance(sandbox, RecordedSandbox):
            sandbox = sandbox.within(tool.timeout)
        arguments["sandbox"] = sandbox
    if tool.takes_episode:
        arguments["episode"] = episode


async def _invoke(tool: Tool, states: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
    """Call a tool; a plain function runs in a thread, so that it blocks nobody."""
    if inspect.iscoroutinefunction(tool.function):
        return await tool.function(*states, **arguments)
    value = await anyio.to_thread.run_sync(
        lambda: tool.function(*states, **arguments), abandon_on_cancel=True
    )
    return await value if inspect.isawaitable(value) else value


def _as_json(value: Any) -> str:
    try:
        plain = to_json(value) if attrs.has(type(value)) else value
        return json.dumps(plain, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)
