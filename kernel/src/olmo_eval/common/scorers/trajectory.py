"""Scorers of an agent's work as a whole: its answer, what it left, and how it got there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen, validators

from olmo_eval.common.scorers.base import Scorer
from olmo_eval.common.scorers.tools import calls_made, is_subsequence
from olmo_eval.common.types import AgentTrajectory, Instance, LMOutput, Response


def same_state(found: Any, expected: Any) -> bool:
    """Whether a state holds all that is expected of it; it may hold more."""
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and same_state(found[key], part) for key, part in expected.items()
        )
    return bool(found == expected)


class _TrajectoryScorer(Scorer):
    """One that may be asked about a whole response, too."""

    def score_response(self, response: Response) -> float:
        """The score of a response's first output.

        Raises:
            ValueError: there is none.
        """
        if not response.outputs:
            raise ValueError("the model gave no output")
        output = response.outputs[0]
        if response.trajectory is not None and "trajectory" not in output.metadata:
            known = {**output.metadata, "trajectory": response.trajectory}
            output = LMOutput(output.text, tool_calls=output.tool_calls, metadata=known)
        return self.score(response.instance, output)


def _names(instance: Instance, output: LMOutput) -> tuple[list[str], list[str]]:
    wanted = [getattr(step, "name", step) for step in instance.required_trajectory or ()]
    view = output.metadata.get("trajectory")
    if output.trajectory is None and isinstance(view, AgentTrajectory):
        return wanted, list(view.tool_call_names)
    return wanted, [call.name for call in calls_made(output)]


def _state(output: LMOutput) -> Any:
    """The world in the end, as whoever ran the agent left it in the output's metadata.

    Raises:
        ValueError: nobody did.
    """
    view = output.metadata.get("trajectory")
    if isinstance(view, AgentTrajectory) and view.state_snapshot:
        return view.state_snapshot
    if "final_state" not in output.metadata:
        raise ValueError("the output's metadata has no final_state")
    return output.metadata["final_state"]


@frozen
class TrajectoryResponseScorer(_TrajectoryScorer):
    """1 where the final answer holds the gold answer, or is it where ``require_exact_match``."""

    name: str = "trajectory_response"
    reads = "text"
    require_exact_match: bool = False

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = output.text if output.extracted_answer is None else str(output.extracted_answer)
        answer, gold = answer.strip().casefold(), instance.gold_text.strip().casefold()
        if not gold:
            raise ValueError("the instance has no gold answer")
        return float(answer == gold if self.require_exact_match else gold in answer)


@frozen
class TrajectoryStateScorer(_TrajectoryScorer):
    """1 where the state that the agent left is the one that the instance expects."""

    name: str = "trajectory_state"
    reads = "text"
    judges_work = True
    state_comparator: Callable[[Any, Any], bool] = same_state

    def score(self, instance: Instance, output: LMOutput) -> float:
        if instance.expected_final_state is None:
            raise ValueError("the instance has no expected_final_state")
        return float(self.state_comparator(_state(output), instance.expected_final_state))


@frozen
class TrajectoryEfficiencyScorer(_TrajectoryScorer):
    """The fewest calls that do, divided by those that were made; at most 1."""

    name: str = "trajectory_efficiency"
    reads = "text"
    judges_work = True
    minimal_steps: int = field(default=1, validator=validators.ge(1))

    def score(self, instance: Instance, output: LMOutput) -> float:
        _, made = _names(instance, output)
        fewest = int(instance.metadata.get("minimal_steps", self.minimal_steps))
        return 0.0 if not made else min(1.0, fewest / len(made))


@frozen
class TrajectoryCombinedScorer(_TrajectoryScorer):
    """1 where the required tools were called in order, and the state in the end is as expected;
    what an instance does not say is not asked for."""

    name: str = "trajectory_combined"
    reads = "text"
    judges_work = True
    require_exact_sequence: bool = False
    state_comparator: Callable[[Any, Any], bool] = same_state

    def score(self, instance: Instance, output: LMOutput) -> float:
        if instance.required_trajectory is None and instance.expected_final_state is None:
            raise ValueError("the instance has neither required_trajectory nor a final state")
        wanted, made = _names(instance, output)
        if instance.required_trajectory is not None:
            exact = self.require_exact_sequence
            if not (made == wanted if exact else is_subsequence(wanted, made)):
                return 0.0
        if instance.expected_final_state is None:
            return 1.0
        return float(self.state_comparator(_state(output), instance.expected_final_state))
