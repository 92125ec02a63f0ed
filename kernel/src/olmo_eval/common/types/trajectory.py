"""What happened between the first request and the final answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, field, frozen

from olmo_eval.common.sequences import items
from olmo_eval.common.types.events import Event, MessageEvent, ToolCallEvent, ToolResultEvent
from olmo_eval.common.types.tools import ToolCall, ToolResult
from olmo_eval.common.types.usage import Usage


@frozen
class Turn:
    """One answer of the model and the results of the tools it called."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    usage: Usage | None = None


@frozen
class Trajectory:
    """The events of one episode, in the order in which they ended.

    ``stop_reason`` is ``"answer"`` when the model stopped by itself, else the limit that ended
    it, such as ``"max_turns"``.
    """

    events: tuple[Event, ...] = field(default=(), converter=items)
    stop_reason: str = "answer"

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The answers of the evaluated model, each with its calls and the results that belong to
        them by their ids, in the order of the results."""
        turns: list[Turn] = []
        for event in self.events:
            if isinstance(event, MessageEvent):
                if event.role == "assistant":
                    turns.append(Turn(event.text, usage=event.usage))
            elif not turns:
                continue
            elif isinstance(event, ToolCallEvent):
                turns[-1] = evolve(turns[-1], tool_calls=(*turns[-1].tool_calls, event.call))
            elif isinstance(event, ToolResultEvent):
                at = _turn_of(event.result, turns)
                turns[at] = evolve(turns[at], tool_results=(*turns[at].tool_results, event.result))
        return tuple(turns)

    @classmethod
    def from_turns(cls, turns: Iterable[Turn], stop_reason: str = "answer") -> Trajectory:
        """The trajectory of turns that nobody timed: records of version 1, other frameworks."""
        return cls(tuple(event for turn in turns for event in _events_of(turn)), stop_reason)


def _turn_of(result: ToolResult, turns: Sequence[Turn]) -> int:
    """The latest turn that made the call; the last one where none did (a scaffold's own call)."""
    for at in range(len(turns) - 1, -1, -1):
        if any(call.id == result.call_id for call in turns[at].tool_calls):
            return at
    return len(turns) - 1


def _events_of(turn: Turn) -> Iterator[Event]:
    yield MessageEvent("assistant", turn.text, turn.usage)
    yield from map(ToolCallEvent, turn.tool_calls)
    yield from map(ToolResultEvent, turn.tool_results)
