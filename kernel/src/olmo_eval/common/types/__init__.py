"""The values that flow through a run, in the order in which they appear.

Instance -> LMRequest (+ SamplingParams) -> LMOutput -> Response
"""

from olmo_eval.common.types.environment import EnvironmentSpec
from olmo_eval.common.types.events import (
    CommandEvent,
    ErrorEvent,
    Event,
    LimitEvent,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from olmo_eval.common.types.identity import Identity
from olmo_eval.common.types.instance import Instance, Split
from olmo_eval.common.types.output import LMOutput, TokenLogprob
from olmo_eval.common.types.request import (
    Capability,
    LMRequest,
    Message,
    RequestType,
    SamplingParams,
)
from olmo_eval.common.types.response import Outcome, Response
from olmo_eval.common.types.tools import ToolCall, ToolResult, ToolSchema
from olmo_eval.common.types.trajectory import Trajectory, Turn
from olmo_eval.common.types.usage import Usage

__all__ = [
    "Capability",
    "CommandEvent",
    "EnvironmentSpec",
    "ErrorEvent",
    "Event",
    "Identity",
    "Instance",
    "LMOutput",
    "LMRequest",
    "LimitEvent",
    "Message",
    "MessageEvent",
    "NoteEvent",
    "Outcome",
    "ReasoningEvent",
    "RequestType",
    "Response",
    "SamplingParams",
    "Split",
    "TokenLogprob",
    "ToolCall",
    "ToolCallEvent",
    "ToolResult",
    "ToolResultEvent",
    "ToolSchema",
    "Trajectory",
    "Turn",
    "Usage",
]
