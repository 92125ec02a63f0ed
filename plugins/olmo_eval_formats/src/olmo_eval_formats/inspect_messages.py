"""Messages of Inspect in OpenAI's shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from olmo_eval.common.types import Message, ToolCall, ToolSchema, Usage
from olmo_eval.interchange import Losses


def text_of(content: Any, losses: Losses) -> str:
    """The text of a message's content, without what it thought; other parts are named."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content:
        kind = part.get("type")
        if kind == "text":
            texts.append(part.get("text") or "")
        elif kind != "reasoning":
            losses.lose(f"parts of messages of the type {kind!r}")
            texts.append(f"({kind})")
    return "\n".join(texts)


def reasoning_of(content: Any) -> str | None:
    """What was thought before it, where that is shown."""
    if not isinstance(content, list):
        return None
    thoughts = [
        part.get("reasoning") or part.get("summary") or ""
        for part in content
        if part.get("type") == "reasoning" and not part.get("redacted")
    ]
    return "\n".join(thought for thought in thoughts if thought) or None


def message_of(told: Mapping[str, Any], losses: Losses) -> Message:
    """A message as a request has it."""
    message: Message = {"role": told["role"], "content": text_of(told.get("content"), losses)}
    calls = calls_of(told)
    if calls:
        message["tool_calls"] = [call.to_openai() for call in calls]
    if told["role"] == "tool":
        message["tool_call_id"] = str(told.get("tool_call_id") or "")
    return message


def calls_of(told: Mapping[str, Any]) -> list[ToolCall]:
    return [
        ToolCall(str(call.get("id") or ""), str(call["function"]), call.get("arguments") or {})
        for call in told.get("tool_calls") or ()
    ]


def tool_of(told: Mapping[str, Any]) -> ToolSchema:
    parameters = told.get("parameters") or {"type": "object", "properties": {}}
    return ToolSchema(told["name"], told.get("description") or "", parameters)


def usage_of(told: Mapping[str, Any] | None) -> Usage | None:
    if not told:
        return None
    read, written = told.get("input_tokens_cache_read"), told.get("input_tokens_cache_write")
    # cached tokens are counted apart there, and among those of the prompt here
    prompt = (told.get("input_tokens") or 0) + (read or 0) + (written or 0)
    return Usage(prompt, told.get("output_tokens") or 0, read or 0, told.get("total_cost"))


def plain_text(value: Any) -> str:
    """What a tool returned, as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(p, dict) and "text" in p for p in value):
        return "\n".join(str(p["text"]) for p in value)
    return json.dumps(value, ensure_ascii=False)
