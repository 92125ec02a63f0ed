"""What happened in a sample of Inspect, as the events of a trajectory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import evolve

from olmo_eval.common.types import (
    CommandEvent,
    ErrorEvent,
    Event,
    LimitEvent,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Trajectory,
)
from olmo_eval.interchange import Losses
from olmo_eval_formats.inspect_messages import (
    calls_of,
    plain_text,
    reasoning_of,
    text_of,
    usage_of,
)

#: limits, by their names there; the others keep theirs
LIMITS = {
    "message": "max_turns",
    "turn": "max_turns",
    "token": "max_tokens",
    "time": "timeout",
    "working": "timeout",
}
#: events that frame others, or say again what stands elsewhere
_FRAMES = frozenset({"sample_init", "span_begin", "span_end", "step", "subtask", "score"})


def trajectory_of(sample: Mapping[str, Any], model: str, losses: Losses) -> Trajectory | None:
    """The trajectory of a sample; None where it is one answer to one request."""
    told = sample.get("events") or ()
    if any(event.get("event") == "model" for event in told):
        events = list(_Reader(sample, model, losses).events())
    else:
        events = list(_of_messages(sample, losses))
    limit = sample.get("limit") or {}
    reason = LIMITS.get(str(limit.get("type")), limit.get("type"))
    if reason and not any(isinstance(event, LimitEvent) for event in events):
        events.append(LimitEvent(reason))
    plain = sum(isinstance(event, MessageEvent) for event in events) == 1 and all(
        isinstance(event, MessageEvent | ReasoningEvent) for event in events
    )
    return None if plain or not events else Trajectory(events, reason or "answer")


def answers_in(sample: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The events of the evaluated model's answers."""
    return [e for e in sample.get("events") or () if e.get("event") == "model"]


class _Reader:
    """Reads the events of one sample, until it is scored."""

    def __init__(self, sample: Mapping[str, Any], model: str, losses: Losses) -> None:
        self.told = sample.get("events") or ()
        self.model, self.losses = model, losses
        self.began = _moment(self.told[0].get("timestamp")) if self.told else None
        self.seen: set[str] = set()
        self.first = True

    def events(self) -> Iterator[Event]:
        for told in self.told:
            kind = told.get("event")
            if kind == "span_begin" and told.get("type") == "scorers":
                return
            if kind == "model":
                yield from self._model(told)
            elif kind not in _FRAMES:
                found = self._other(str(kind), told)
                if found is None:
                    self.losses.lose(f"events of the type {kind!r}")
                else:
                    yield found

    def _times(self, told: Mapping[str, Any]) -> dict[str, float | None]:
        begun, ended = _moment(told.get("timestamp")), _moment(told.get("completed"))
        start = None
        if begun is not None and self.began is not None:
            start = round((begun - self.began).total_seconds(), 4)
        seconds = told.get("working_time")
        if seconds is None and begun is not None and ended is not None:
            seconds = (ended - begun).total_seconds()
        return {"start": start, "seconds": None if seconds is None else round(seconds, 4)}

    def _model(self, told: Mapping[str, Any]) -> Iterator[Event]:
        times, output = self._times(told), told.get("output") or {}
        mine = told.get("model") == self.model and told.get("role") is None
        role = "assistant" if mine else str(told.get("role") or told.get("model"))
        if mine:
            yield from self._said_before(told, times["start"])
        if told.get("error"):
            yield _timed(ErrorEvent(str(told["error"])), times)
        for choice in (output.get("choices") or ())[:1]:
            message = choice["message"]
            thought = reasoning_of(message.get("content"))
            if thought:
                yield _timed(ReasoningEvent(thought), times)
            text = text_of(message.get("content"), self.losses)
            yield _timed(MessageEvent(role, text, usage_of(output.get("usage"))), times)
            if mine:
                yield from (ToolCallEvent(call, start=times["start"]) for call in calls_of(message))
                self.seen.add(_key(message))

    def _said_before(self, told: Mapping[str, Any], start: float | None) -> Iterator[Event]:
        """What was said to the model since its last answer; the first request is no event."""
        for message in told.get("input") or ():
            new = _key(message) not in self.seen
            self.seen.add(_key(message))
            if new and not self.first and message["role"] in ("user", "system"):
                text = text_of(message.get("content"), self.losses)
                yield MessageEvent(message["role"], text, start=start)
        self.first = False

    def _other(self, kind: str, told: Mapping[str, Any]) -> Event | None:
        times = self._times(told)
        if kind == "tool":
            error = told.get("error") or {}
            text = str(error.get("message")) if error else plain_text(told.get("result"))
            return _timed(
                ToolResultEvent(ToolResult(str(told.get("id")), text, bool(error))), times
            )
        if kind == "sandbox" and told.get("action") == "exec":
            command = (str(told.get("cmd") or ""),)
            return _timed(
                CommandEvent(command, told.get("result"), told.get("output") or ""), times
            )
        if kind == "sample_limit":
            return _timed(
                LimitEvent(LIMITS.get(told.get("type", ""), str(told.get("type")))), times
            )
        if kind == "error":
            return _timed(ErrorEvent(str((told.get("error") or {}).get("message"))), times)
        if kind == "info":
            return _timed(NoteEvent(plain_text(told.get("data"))), times)
        return None


def _timed(event: Event, times: Mapping[str, float | None]) -> Event:
    return evolve(event, start=times["start"], seconds=times["seconds"])


def _key(message: Mapping[str, Any]) -> str:
    return str(message.get("id") or (message.get("role"), str(message.get("content"))))


def _moment(told: Any) -> datetime | None:
    if not isinstance(told, str):
        return None
    try:
        return datetime.fromisoformat(told)
    except ValueError:
        return None


def _of_messages(sample: Mapping[str, Any], losses: Losses) -> Iterator[Event]:
    """Of a log that keeps no events: the messages from the first answer on."""
    begun = False
    for message in sample.get("messages") or ():
        role, text = message["role"], text_of(message.get("content"), losses)
        begun = begun or role == "assistant"
        if not begun:
            continue
        if role == "tool":
            error = message.get("error") or {}
            shown = str(error.get("message")) if error else text
            yield ToolResultEvent(ToolResult(str(message.get("tool_call_id")), shown, bool(error)))
            continue
        thought = reasoning_of(message.get("content"))
        if thought:
            yield ReasoningEvent(thought)
        yield MessageEvent(role, text)
        yield from map(ToolCallEvent, calls_of(message))
