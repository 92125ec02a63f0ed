"""Summaries of an agent's work, as published task packs group them: plain numbers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import asdict, field, fields, frozen


class _Figures:
    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


@frozen
class ToolMetrics(_Figures):
    """How well an agent called its tools."""

    call_accuracy: float = 0.0
    argument_accuracy: float = 0.0
    sequence_accuracy: float = 0.0
    num_tool_calls: int = 0
    num_correct_calls: int = 0
    num_correct_arguments: int = 0


@frozen
class TrajectoryMetrics(_Figures):
    """Whether an agent reached the goal, and in how many steps."""

    response_check: float = 0.0
    state_check: float = 0.0
    efficiency: float = 0.0
    total_steps: int = 0
    minimal_steps: int = 0
    combined_score: float = 0.0


@frozen
class ReliabilityMetrics(_Figures):
    """How often repeated trials succeed."""

    num_trials: int = 0
    pass_at_k: float = 0.0
    pass_pow_k: float = 0.0
    k: int = 1
    success_count: int = 0
    failure_count: int = 0


@frozen
class ExecutionMetrics(_Figures):
    """How runs ended, errors by their kind."""

    total_runs: int = 0
    successful_runs: int = 0
    processing_errors: int = 0
    instruction_errors: int = 0
    timeout_errors: int = 0
    success_rate: float = 0.0


@frozen
class JudgeMetrics(_Figures):
    """What a judge said, counted."""

    accuracy: float = 0.0
    not_attempted_rate: float = 0.0
    judge_model: str = ""
    grade_distribution: Mapping[str, int] = field(factory=dict)
    num_evaluated: int = 0
    num_correct: int = 0
    num_incorrect: int = 0
    num_not_attempted: int = 0


@frozen
class AgentMetrics:
    """All of them together; None is what was not measured."""

    tool: ToolMetrics | None = None
    trajectory: TrajectoryMetrics | None = None
    reliability: ReliabilityMetrics | None = None
    execution: ExecutionMetrics | None = None
    judge: JudgeMetrics | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AgentMetrics:
        """What ``to_dict`` gives."""
        return cls(**{name: _KINDS[name].from_dict(part) for name, part in data.items() if part})

    def to_dict(self) -> dict[str, Any]:
        """The groups that were measured."""
        parts = {f.name: getattr(self, f.name) for f in fields(AgentMetrics)}
        return {name: part.to_dict() for name, part in parts.items() if part is not None}


_KINDS: dict[str, Any] = {
    "tool": ToolMetrics,
    "trajectory": TrajectoryMetrics,
    "reliability": ReliabilityMetrics,
    "execution": ExecutionMetrics,
    "judge": JudgeMetrics,
}
