"""The limits of an episode, and what it has used of them."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from olmo_eval.common.types import LMOutput, SamplingParams, Usage
from olmo_eval.errors import OlmoEvalError, UsageError

#: turns of an episode whose harness sets no limit at all: it has to end
MOST_TURNS = 100

#: every ``LimitReached.reason``, which is also the stop reason of the trajectory and the finish
#: reason of the output
LIMITS = ("max_turns", "max_tokens", "timeout", "max_tool_calls", "max_cost", "max_user_turns")


@frozen
class Limits:
    """What one episode may use; None is no limit.

    - ``turns``: answers of the model; 100 where nothing else limits the episode either;
    - ``tokens``: of all prompts and answers together;
    - ``seconds``: wall-clock time, without what is spent waiting for a sandbox to be there;
    - ``tool_calls``: calls of tools;
    - ``cost``: US dollars for the answers of the evaluated model;
    - ``user_turns``: messages of the user, the question being the first.
    """

    turns: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    tool_calls: int | None = None
    cost: float | None = None
    user_turns: int | None = None

    @property
    def most_turns(self) -> int | None:
        """The answers that the model may give in the end."""
        if self.turns is not None:
            return self.turns
        others = (self.tokens, self.seconds, self.tool_calls, self.cost)
        return MOST_TURNS if all(limit is None for limit in others) else None


class EpisodeEnded(OlmoEvalError):
    """The conversation is over, whatever its scaffold is doing. Scaffolds let it pass: the episode
    keeps what happened so far and ends with it."""


class Submitted(EpisodeEnded):
    """A tool was given the final ``answer``; None: it is what the model said last."""

    def __init__(self, answer: str | None) -> None:
        super().__init__("the answer was submitted")
        self.answer = answer


class LimitReached(EpisodeEnded):
    """The episode has used up a limit of its harness; ``reason`` is its stop reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"limit reached: {reason}")
        self.reason = reason


class Budget:
    """What one episode has used of its limits, but for time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._most_turns = limits.most_turns
        self.usage = Usage()
        self.turns = 0
        self.tool_calls = 0

    def take_turn(self, params: SamplingParams) -> SamplingParams:
        """Begin an answer; returns ``params`` that generate no more tokens than are left, the same
        object where they do not anyway.

        Raises:
            LimitReached: there is no further answer, token or dollar.
        """
        limits, usage = self.limits, self.usage
        if self._most_turns is not None and self.turns >= self._most_turns:
            raise LimitReached("max_turns")
        if limits.cost is not None and (usage.cost_usd or 0.0) >= limits.cost:
            raise LimitReached("max_cost")
        capped = params
        if limits.tokens is not None:
            left = limits.tokens - usage.prompt_tokens - usage.completion_tokens
            if left <= 0:
                raise LimitReached("max_tokens")
            capped = within_budget(params, left)
        self.turns += 1  # before the answer: several may be asked for at the same time
        return capped

    def spend(self, outputs: Sequence[LMOutput]) -> None:
        """Count what answers have cost.

        Raises:
            UsageError: there is a limit to the cost, and nobody knows what an answer costs.
        """
        for output in outputs:
            self.usage = self.usage.plus(output.usage)
        priced = all(o.usage is not None and o.usage.cost_usd is not None for o in outputs)
        if self.limits.cost is not None and not priced:
            raise UsageError(
                "max_episode_cost cannot be kept: the provider does not say what an answer costs",
                hint="limit max_total_tokens instead, or use a provider that knows its prices "
                "(litellm: provider.kwargs.input_cost_per_token and output_cost_per_token)",
            )

    def take_call(self) -> None:
        """Begin the call of a tool.

        Raises:
            LimitReached: there is no further call.
        """
        limit = self.limits.tool_calls
        if limit is not None and self.tool_calls >= limit:
            raise LimitReached("max_tool_calls")
        self.tool_calls += 1


def within_budget(params: SamplingParams, tokens: int) -> SamplingParams:
    """``params`` that generate at most ``tokens``; the same object where they do anyway."""
    if params.max_tokens is not None and params.max_tokens <= tokens:
        return params
    return evolve(params, max_tokens=tokens)
