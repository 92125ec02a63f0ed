"""Tool calls in the text of a model: the two forms that open models write."""

from __future__ import annotations

import json
import re
from typing import Any

from olmo_eval.common.types import ToolCall

#: Hermes, Qwen and others: a JSON object between tags
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)


def tool_calls_in(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """The text beside the calls, and the calls.

    Tagged calls, or a text that is nothing but one JSON object with a name and arguments
    (Llama 3.1). What is not valid JSON stays text.
    """
    calls: list[ToolCall] = []
    for found in _TAGGED.finditer(text):
        call = _call(found[1], len(calls))
        if call is not None:
            calls.append(call)
    if calls:
        return _TAGGED.sub("", text).strip(), tuple(calls)
    alone = _call(text.strip().removeprefix("<|python_tag|>"), 0)
    return ("", (alone,)) if alone is not None else (text, ())


def _call(text: str, number: int) -> ToolCall | None:
    try:
        content: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        return None
    arguments = content.get("arguments", content.get("parameters"))
    if arguments is None:
        return None
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(id=f"call_{number}", name=content["name"], arguments=written)
