"""The tools that a task itself offers the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from olmo_eval.common.types import LMRequest, RequestType, ToolSchema
from olmo_eval.errors import UsageError


def with_tools(request: LMRequest, tools: Iterable[Any], task: str) -> LMRequest:
    """``request`` with ``tools`` (those of an instance) after its own; a name counts once.

    Raises:
        UsageError: the request is not a chat, or something is not a tool.
    """
    if request.request_type is not RequestType.CHAT:
        raise UsageError(
            f"task {task!r} offers tools, and its request is not a chat",
            hint="use a formatter that makes chats, such as ChatFormatter()",
        )
    known = {schema.name for schema in request.tools}
    schemas = [tool_schema(tool, task) for tool in tools]
    more = [schema for schema in schemas if schema.name not in known]
    return evolve(request, tools=(*request.tools, *more)) if more else request


def tool_schema(tool: Any, task: str) -> ToolSchema:
    """The schema of what stands among an instance's tools: a schema, a mapping in OpenAI's shape,
    or a tool that can be run.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(tool, Mapping):
        try:
            return ToolSchema.from_openai(tool)
        except ValueError as error:
            raise UsageError(f"task {task!r}: tools of an instance: {error}") from error
    schema = getattr(tool, "schema", tool)
    if not isinstance(schema, ToolSchema):
        raise UsageError(
            f"task {task!r}: {tool!r:.80} among the tools of an instance is not a tool",
            hint="give a ToolSchema, a mapping in OpenAI's shape, or what @tool makes",
        )
    return schema
