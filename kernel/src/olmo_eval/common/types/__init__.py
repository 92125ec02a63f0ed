"""The values that flow through a run, in the order in which they appear.

Instance -> LMRequest (+ SamplingParams) -> LMOutput -> Response
"""

from olmo_eval.common.types.agent import AgentTrajectory, AgentTurn
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
from olmo_eval.common.types.figures import (
    AgentMetrics,
    ExecutionMetrics,
    JudgeMetrics,
    ReliabilityMetrics,
    ToolMetrics,
    TrajectoryMetrics,
)
from olmo_eval.common.types.hashes import compute_model_hash, compute_task_hash
from olmo_eval.common.types.identity import Identity
from olmo_eval.common.types.instance import Instance, Split
from olmo_eval.common.types.names import (
    SEARCH_TOOL_NAMES,
    SEARCH_TOOLS,
    SEMANTIC_SCHOLAR_SEARCH,
    SERPER_FETCH_WEBPAGE,
    SERPER_WEB_SEARCH,
    DtypeLiteral,
    LoadFormatLiteral,
    MetricName,
    PriorityLiteral,
    ProviderKind,
    ProviderLiteral,
)
from olmo_eval.common.types.output import LMOutput, LogProbEntry, TokenLogprob, TopLogProb
from olmo_eval.common.types.request import (
    Capability,
    LMRequest,
    Message,
    RequestType,
    SamplingParams,
)
from olmo_eval.common.types.response import Outcome, Response
from olmo_eval.common.types.scores import SampleScores
from olmo_eval.common.types.tool_types import (
    APICallToolType,
    CodeExecutionToolType,
    DatabaseToolType,
    FileSystemToolType,
    SearchToolType,
    ToolCategory,
    ToolType,
    ToolTypeRegistry,
    get_tool_type,
    get_tool_types_by_category,
    list_tool_types,
    register_tool_type,
)
from olmo_eval.common.types.tools import Function, ToolCall, ToolResult, ToolSchema
from olmo_eval.common.types.trajectory import Trajectory, Turn
from olmo_eval.common.types.usage import Usage

__all__ = [
    "SEARCH_TOOLS",
    "SEARCH_TOOL_NAMES",
    "SEMANTIC_SCHOLAR_SEARCH",
    "SERPER_FETCH_WEBPAGE",
    "SERPER_WEB_SEARCH",
    "APICallToolType",
    "AgentMetrics",
    "AgentTrajectory",
    "AgentTurn",
    "Capability",
    "CodeExecutionToolType",
    "CommandEvent",
    "DatabaseToolType",
    "DtypeLiteral",
    "EnvironmentSpec",
    "ErrorEvent",
    "Event",
    "ExecutionMetrics",
    "FileSystemToolType",
    "Function",
    "Identity",
    "Instance",
    "JudgeMetrics",
    "LMOutput",
    "LMRequest",
    "LimitEvent",
    "LoadFormatLiteral",
    "LogProbEntry",
    "Message",
    "MessageEvent",
    "MetricName",
    "NoteEvent",
    "Outcome",
    "PriorityLiteral",
    "ProviderKind",
    "ProviderLiteral",
    "ReasoningEvent",
    "ReliabilityMetrics",
    "RequestType",
    "Response",
    "SampleScores",
    "SamplingParams",
    "SearchToolType",
    "Split",
    "TokenLogprob",
    "ToolCall",
    "ToolCallEvent",
    "ToolCategory",
    "ToolMetrics",
    "ToolResult",
    "ToolResultEvent",
    "ToolSchema",
    "ToolType",
    "ToolTypeRegistry",
    "TopLogProb",
    "Trajectory",
    "TrajectoryMetrics",
    "Turn",
    "Usage",
    "compute_model_hash",
    "compute_task_hash",
    "get_tool_type",
    "get_tool_types_by_category",
    "list_tool_types",
    "register_tool_type",
]
