"""Transcripts as chats in OpenAI's shape, one JSON object a line: ``messages`` and ``tools``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from olmo_eval.common.types import (
    MessageEvent,
    ReasoningEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from olmo_eval.interchange import Exporter, Losses, Transcript

_NOUNS = {"command": "commands", "limit": "limits", "error": "errors", "note": "notes"}


class OpenAiExporter(Exporter):
    """Chats in OpenAI's shape: JSONL with messages, tools and metadata."""

    layout = "lines"

    def document(self, transcript: Transcript, losses: Losses) -> dict[str, Any] | None:
        if transcript.continuations:
            losses.lose("instances whose continuations were scored, which are no chats")
            return None
        messages = [dict(message) for message in transcript.messages]
        messages += _messages(transcript, losses)
        metadata = {
            "run_id": transcript.run_id,
            "model": transcript.model,
            "task": transcript.task,
            "instance_id": transcript.instance_id,
            "sample": str(transcript.sample),
            "outcome": transcript.outcome,
            "scores": json.dumps(dict(transcript.values)),
        }
        if transcript.gold is not None:
            losses.lose("gold answers")
        found: dict[str, Any] = {"messages": messages, "metadata": metadata}
        if transcript.tools:
            found["tools"] = [dict(tool) for tool in transcript.tools]
        return found


def _messages(transcript: Transcript, losses: Losses) -> Iterator[dict[str, Any]]:
    """The messages that the events make: an answer with its calls, then their results."""
    answer: dict[str, Any] | None = None
    for event in transcript.events:
        if event.seconds is not None:
            losses.lose("times")
        if isinstance(event, ToolCallEvent):
            if answer is None:
                answer = {"role": "assistant", "content": None}
            answer.setdefault("tool_calls", []).append(event.call.to_openai())
            continue
        if isinstance(event, MessageEvent) and event.role in ("assistant", "user", "system"):
            if answer is not None:
                yield answer
            answer = {"role": event.role, "content": event.text}
            if event.usage is not None:
                losses.lose("counts of tokens")
        elif isinstance(event, ToolResultEvent):
            if answer is not None:
                yield answer
                answer = None
            yield event.result.to_openai()
        elif isinstance(event, MessageEvent):
            losses.lose("messages of other models")
        elif isinstance(event, ReasoningEvent):
            losses.lose("thoughts of the model")
        else:
            losses.lose(_NOUNS[event.type])
    if answer is not None:
        yield answer
