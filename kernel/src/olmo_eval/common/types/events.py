"""What can happen in an episode: the typed, timed events of a trajectory.

Every event has ``start``, in seconds from the beginning of its episode, and ``seconds``, how long
it took; None where that is not known (records of earlier versions have no times). ``type`` names
the class in JSON.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from olmo_eval.common.sequences import texts
from olmo_eval.common.types.tools import ToolCall, ToolResult
from olmo_eval.common.types.usage import Usage


@frozen
class MessageEvent:
    """Something was said.

    ``role`` is ``"assistant"`` for the evaluated model, ``"user"`` or ``"system"`` for what was
    said to it, and the name of any other model of the harness that was asked. ``usage`` is what
    the answer cost.
    """

    role: str
    text: str
    usage: Usage | None = None
    start: float | None = None
    seconds: float | None = None
    type: Literal["message"] = "message"


@frozen
class ReasoningEvent:
    """What the model thought before it said something, where its provider shows that."""

    text: str
    start: float | None = None
    seconds: float | None = None
    type: Literal["reasoning"] = "reasoning"


@frozen
class ToolCallEvent:
    """The model called a tool."""

    call: ToolCall
    start: float | None = None
    seconds: float | None = None
    type: Literal["tool_call"] = "tool_call"


@frozen
class ToolResultEvent:
    """A tool returned; ``result.call_id`` says to which call."""

    result: ToolResult
    start: float | None = None
    seconds: float | None = None
    type: Literal["tool_result"] = "tool_result"


@frozen
class CommandEvent:
    """A command ran in a sandbox.

    ``output`` is the beginning of what it printed, errors last; ``truncated`` says that some of it
    was cut, by the sandbox or for this record. ``exit_code`` is None where it ran out of time.
    """

    argv: tuple[str, ...] = field(converter=texts)
    exit_code: int | None
    output: str = ""
    truncated: bool = False
    timed_out: bool = False
    start: float | None = None
    seconds: float | None = None
    type: Literal["command"] = "command"


@frozen
class LimitEvent:
    """A limit of the harness ended the episode: one of ``olmo_eval.agents.limits.LIMITS``, such as
    ``max_turns``."""

    reason: str
    start: float | None = None
    seconds: float | None = None
    type: Literal["limit"] = "limit"


@frozen
class ErrorEvent:
    """Something failed that is not the model's fault: its provider, a sandbox, another model."""

    message: str
    start: float | None = None
    seconds: float | None = None
    type: Literal["error"] = "error"


@frozen
class NoteEvent:
    """A remark of a task, a scaffold or a tool."""

    text: str
    start: float | None = None
    seconds: float | None = None
    type: Literal["note"] = "note"


Event = (
    MessageEvent
    | ReasoningEvent
    | ToolCallEvent
    | ToolResultEvent
    | CommandEvent
    | LimitEvent
    | ErrorEvent
    | NoteEvent
)
