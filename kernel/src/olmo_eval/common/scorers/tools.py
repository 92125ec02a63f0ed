"""Scorers of tool calls: what the model called against what the instance expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.scorers.base import Scorer
from olmo_eval.common.types import Instance, LMOutput, ToolCall


def calls_made(output: LMOutput) -> list[ToolCall]:
    """Every call of an output: of the whole episode where an agent made it, else its own."""
    if output.trajectory is not None:
        return [call for turn in output.trajectory.turns for call in turn.tool_calls]
    return list(output.tool_calls)


def calls_expected(instance: Instance) -> list[ToolCall]:
    """What should be called, in order; none where the model ``should_abstain``.

    Raises:
        ValueError: the instance does not say.
    """
    if instance.should_abstain:
        return []
    expected = instance.expected_tool_calls
    if expected is None:
        raise ValueError("the instance has no expected_tool_calls")
    return [_as_call(call) for call in expected]


def _as_call(call: Any) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    if isinstance(call, Mapping):
        if "function" in call:
            return ToolCall.from_openai(call)
        return ToolCall(str(call.get("id", "")), str(call["name"]), call.get("arguments", {}))
    return ToolCall("", str(call))


def _share(found: int, expected: int, made: int) -> float:
    """Share that is right; calls beyond what is expected count as wrong."""
    most = max(expected, made)
    return 1.0 if most == 0 else found / most


def _plain(value: Any, case_sensitive: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(part, case_sensitive) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, case_sensitive) for part in value]
    if isinstance(value, str):
        return value.strip() if case_sensitive else value.strip().casefold()
    return value


@frozen
class ToolCallScorer(Scorer):
    """Share of the expected calls that were made, by the names of the tools, whatever their order;
    calls that nobody expects count against it."""

    name: str = "tool_call"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        left = [call.name for call in calls_expected(instance)]
        made = [call.name for call in calls_made(output)]
        expected, found = len(left), 0
        for name in made:
            if name in left:
                left.remove(name)
                found += 1
        return _share(found, expected, len(made))


@frozen
class ToolArgumentScorer(Scorer):
    """Share of the expected calls that were made with just the expected arguments, whatever their
    order; calls that nobody expects count against it."""

    name: str = "tool_argument"
    reads = "text"
    case_sensitive: bool = False

    def _told(self, call: ToolCall) -> tuple[str, Any]:
        return call.name, _plain(call.get_arguments(), self.case_sensitive)

    def score(self, instance: Instance, output: LMOutput) -> float:
        left = [self._told(call) for call in calls_expected(instance)]
        made = [self._told(call) for call in calls_made(output)]
        expected, found = len(left), 0
        for call in made:
            if call in left:
                left.remove(call)
                found += 1
        return _share(found, expected, len(made))


@frozen
class ToolSequenceScorer(Scorer):
    """1 where the tools were called in the expected order: exactly those where ``strict_order``,
    else with others in between."""

    name: str = "tool_sequence"
    reads = "text"
    strict_order: bool = True

    def score(self, instance: Instance, output: LMOutput) -> float:
        expected = [call.name for call in calls_expected(instance)]
        made = [call.name for call in calls_made(output)]
        if self.strict_order:
            return float(made == expected)
        return float(is_subsequence(expected, made))


def is_subsequence(some: Sequence[Any], all_: Sequence[Any]) -> bool:
    """Whether ``some`` stand in ``all_`` in this order, with others in between."""
    rest = iter(all_)
    return all(any(wanted == found for found in rest) for wanted in some)
