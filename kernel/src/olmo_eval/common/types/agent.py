"""An agent's work as turns of a chat: what scorers of published task packs look at.

A ``Trajectory`` is the record that a run keeps. ``AgentTrajectory`` is a view of it, or is made
by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from olmo_eval.common.sequences import items
from olmo_eval.common.types.tools import ToolCall, ToolResult
from olmo_eval.common.types.trajectory import Trajectory


@frozen
class AgentTurn:
    """What one side said: ``role`` is ``user``, ``assistant`` or ``tool``.

    ``timestamp_ms`` is in milliseconds from the beginning, ``token_count`` what the turn cost.
    """

    role: str
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = field(default=(), converter=items)
    tool_results: tuple[ToolResult, ...] = field(default=(), converter=items)
    timestamp_ms: float | None = None
    token_count: int | None = None
    metadata: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def user(cls, content: str, **more: Any) -> AgentTurn:
        return cls("user", content, **more)

    @classmethod
    def assistant(
        cls, content: str = "", tool_calls: Iterable[ToolCall] = (), **more: Any
    ) -> AgentTurn:
        return cls("assistant", content, tuple(tool_calls), **more)

    @classmethod
    def tool(cls, tool_results: Iterable[ToolResult], **more: Any) -> AgentTurn:
        return cls("tool", tool_results=tuple(tool_results), **more)

    @property
    def has_tool_calls(self) -> bool:
        return bool(self.tool_calls)

    @property
    def has_tool_results(self) -> bool:
        return bool(self.tool_results)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AgentTurn:
        """What ``to_dict`` gives."""
        calls = [ToolCall.from_dict(call) for call in data.get("tool_calls") or ()]
        results = [ToolResult.from_dict(result) for result in data.get("tool_results") or ()]
        return cls(**{**data, "tool_calls": calls, "tool_results": results})

    def to_dict(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "content": self.content,
            "tool_calls": [call.to_dict() for call in self.tool_calls],
            "tool_results": [result.to_dict() for result in self.tool_results],
            "timestamp_ms": self.timestamp_ms,
            "token_count": self.token_count,
            "metadata": dict(self.metadata),
        }


@frozen
class AgentTrajectory:
    """Turns in order, the final answer, and what the world looked like in the end."""

    turns: tuple[AgentTurn, ...] = field(default=(), converter=items)
    final_answer: str | None = None
    state_snapshot: Mapping[str, Any] = field(factory=dict)
    metadata: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def from_turns(
        cls, turns: Iterable[AgentTurn], final_answer: str | None = None, **more: Any
    ) -> AgentTrajectory:
        """The trajectory of ``turns``; its answer is what the assistant said last."""
        kept = tuple(turns)
        if final_answer is None:
            said = [turn.content for turn in kept if turn.role == "assistant"]
            final_answer = said[-1] if said else None
        return cls(kept, final_answer, **more)

    @classmethod
    def of(
        cls, trajectory: Trajectory, final_answer: str | None = None, state: Any = None
    ) -> AgentTrajectory:
        """The view of a run's record: each answer of the model, and the results of its calls."""
        turns: list[AgentTurn] = []
        for turn in trajectory.turns:
            tokens = None if turn.usage is None else turn.usage.completion_tokens
            turns.append(AgentTurn("assistant", turn.text, turn.tool_calls, token_count=tokens))
            if turn.tool_results:
                turns.append(AgentTurn.tool(turn.tool_results))
        snapshot = dict(state) if isinstance(state, Mapping) else {}
        metadata = {"stop_reason": trajectory.stop_reason}
        return cls.from_turns(turns, final_answer, state_snapshot=snapshot, metadata=metadata)

    @property
    def num_turns(self) -> int:
        return len(self.turns)

    @property
    def assistant_turns(self) -> tuple[AgentTurn, ...]:
        return tuple(turn for turn in self.turns if turn.role == "assistant")

    @property
    def tool_turns(self) -> tuple[AgentTurn, ...]:
        return tuple(turn for turn in self.turns if turn.role == "tool")

    @property
    def tool_call_sequence(self) -> tuple[ToolCall, ...]:
        """Every call, in order."""
        return tuple(call for turn in self.turns for call in turn.tool_calls)

    @property
    def tool_result_sequence(self) -> tuple[ToolResult, ...]:
        """Every result, in order."""
        return tuple(result for turn in self.turns for result in turn.tool_results)

    @property
    def tool_call_names(self) -> tuple[str, ...]:
        return tuple(call.name for call in self.tool_call_sequence)

    @property
    def total_tool_calls(self) -> int:
        return len(self.tool_call_sequence)

    @property
    def unique_tools_used(self) -> set[str]:
        return set(self.tool_call_names)

    @property
    def total_tokens(self) -> int:
        return sum(turn.token_count or 0 for turn in self.turns)

    def get_turn(self, index: int) -> AgentTurn | None:
        """The turn at ``index``; None where there is none."""
        return self.turns[index] if -len(self.turns) <= index < len(self.turns) else None

    def tool_calls_by_name(self, name: str) -> tuple[ToolCall, ...]:
        return tuple(call for call in self.tool_call_sequence if call.name == name)

    def with_final_answer(self, answer: str) -> AgentTrajectory:
        return evolve(self, final_answer=answer)

    def with_state_snapshot(self, state: Mapping[str, Any]) -> AgentTrajectory:
        return evolve(self, state_snapshot=dict(state))

    def to_messages(self) -> list[dict[str, Any]]:
        """The turns as chat messages in OpenAI's shape."""
        messages: list[dict[str, Any]] = []
        for turn in self.turns:
            if turn.role == "tool":
                messages += [result.to_openai() for result in turn.tool_results]
                continue
            calls = [call.to_openai() for call in turn.tool_calls]
            more = {"tool_calls": calls} if calls else {}
            messages.append({"role": turn.role, "content": turn.content, **more})
        return messages

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AgentTrajectory:
        """What ``to_dict`` gives."""
        turns = [AgentTurn.from_dict(turn) for turn in data.get("turns") or ()]
        return cls(**{**data, "turns": turns})

    def to_dict(self) -> dict[str, Any]:
        return {
            "turns": [turn.to_dict() for turn in self.turns],
            "final_answer": self.final_answer,
            "state_snapshot": dict(self.state_snapshot),
            "metadata": dict(self.metadata),
        }
