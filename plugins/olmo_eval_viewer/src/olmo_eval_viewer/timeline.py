"""Trajectories as steps on a time axis, and two of them aligned to where they first differ."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import (
    CommandEvent,
    Event,
    MessageEvent,
    ReasoningEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from olmo_eval.results.transcripts import Transcript

_TEXT = 8_000
#: steps of one trajectory that are shown
_STEPS = 400
Step = dict[str, Any]


def steps(one: Transcript) -> list[Step]:
    """What happened, step by step: kind, who or what, text, start and length in seconds, tokens."""
    return [_step(event) for event in one.events[:_STEPS]]


def _step(event: Event) -> Step:
    found: Step = {"kind": event.type, "title": event.type.replace("_", " "), "text": ""}
    found |= {"start": event.start, "seconds": event.seconds, "tokens": None, "failed": False}
    if isinstance(event, MessageEvent):
        usage = event.usage
        found |= {"title": event.role, "text": event.text}
        found["tokens"] = usage.completion_tokens if usage else None
    elif isinstance(event, ReasoningEvent):
        found["text"] = event.text
    elif isinstance(event, ToolCallEvent):
        found |= {"title": f"call {event.call.name}", "text": str(event.call.arguments)}
    elif isinstance(event, ToolResultEvent):
        found |= {"title": "result", "text": event.result.content, "failed": event.result.error}
    elif isinstance(event, CommandEvent):
        found |= {"title": "command", "text": f"$ {' '.join(event.argv)}\n{event.output}"}
        found["failed"] = event.timed_out or event.exit_code != 0
    else:
        found["text"] = next(
            (str(getattr(event, n)) for n in ("reason", "message", "text") if hasattr(event, n)), ""
        )
    found["cut"] = max(0, len(found["text"]) - _TEXT)
    found["text"] = found["text"][:_TEXT]
    return found


def aligned(a: Transcript | None, b: Transcript | None = None) -> dict[str, Any]:
    """Both trajectories: the steps at their beginning that are the same, then those of each."""
    sides = [[] if one is None else steps(one) for one in (a, b)]
    same = 0
    for left, right in zip(*sides, strict=False):
        if _said(left) != _said(right):
            break
        same += 1
    longest = max((_end(side) for side in sides), default=0.0)
    stops = [None if one is None else one.stop_reason for one in (a, b)]
    return {
        "same": sides[0][:same],
        "a": sides[0][same:],
        "b": sides[1][same:],
        "seconds": longest,
        "stops": stops,
        "tokens": [sum(step["tokens"] or 0 for step in side) for side in sides],
        "ends": [_end(side) for side in sides],
        "left_out": [0 if one is None else max(0, len(one.events) - _STEPS) for one in (a, b)],
    }


def _said(step: Step) -> tuple[str, str, str]:
    return step["kind"], step["title"], step["text"]


def _end(side: list[Step]) -> float:
    ends = [s["start"] + (s["seconds"] or 0) for s in side if s["start"] is not None]
    return max(ends, default=0.0)
