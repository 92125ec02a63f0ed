"""The events of a row's episodes, as rows of the table of turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from olmo_eval.common.types import (
    CommandEvent,
    ErrorEvent,
    LimitEvent,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    ToolCallEvent,
    ToolResultEvent,
    Trajectory,
    Usage,
)
from olmo_eval.results import schema
from olmo_eval.results.record import Row, kept_trajectory

_NOTHING: Row = dict.fromkeys(schema.TURNS.names)


def turn_rows(row: Row) -> Iterator[Row]:
    """One row an event of each output's trajectory, output by output, in the order of the events;
    none where the row has no trajectory.
    """
    head = {"instance_id": row["instance_id"], "position": row["position"]}
    for sample, output in enumerate(row["outputs"] or ()):
        kept = output.get("trajectory")
        trajectory = None if kept is None else kept_trajectory(kept)
        if trajectory is not None:
            for index, event in enumerate(_events(trajectory)):
                yield {**_NOTHING, **head, "sample": sample, "index": index, **event}


def _events(trajectory: Trajectory) -> Iterator[Row]:
    names: dict[str, str] = {}  # of the tools, by the ids of their calls
    for event in trajectory.events:
        if isinstance(event, ToolCallEvent):
            names[event.call.id] = event.call.name
        own = _fields(event, names)
        yield {"type": event.type, "start": event.start, "seconds": event.seconds, **own}


def _fields(event: Any, names: dict[str, str]) -> Row:
    """What is particular to the event's type; ``text`` is what a reader of any type reads."""
    match event:
        case MessageEvent(role=role, text=text, usage=usage):
            return {"role": role, "text": text, **_tokens(usage)}
        case ReasoningEvent(text=text) | NoteEvent(text=text):
            return {"text": text}
        case ToolCallEvent(call=call):
            return {"call_id": call.id, "tool": call.name, "arguments": call.arguments}
        case ToolResultEvent(result=result):
            answered = {"call_id": result.call_id, "tool": names.get(result.call_id)}
            return {**answered, "text": result.content, "error": result.error}
        case CommandEvent():
            return {
                "argv": list(event.argv),
                "exit_code": event.exit_code,
                "text": event.output,
                "truncated": event.truncated,
                "timed_out": event.timed_out,
            }
        case LimitEvent(reason=text) | ErrorEvent(message=text):
            return {"text": text}
    raise TypeError(f"not an event: {event!r}")


def _tokens(usage: Usage | None) -> Row:
    if usage is None:
        return {}
    return {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}


def size_of(turn: Row) -> int:
    """About how many bytes a turn takes."""
    texts = (turn["text"], turn["arguments"], *(turn["argv"] or ()))
    return 100 + sum(len(text) for text in texts if text)
