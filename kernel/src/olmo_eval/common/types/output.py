"""What a model answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from attrs import define, evolve, field

from olmo_eval.common.replaceable import replaceable
from olmo_eval.common.sequences import items
from olmo_eval.common.types.tools import ToolCall
from olmo_eval.common.types.trajectory import Trajectory
from olmo_eval.common.types.usage import Usage


class TopLogProb(TypedDict):
    """A token that the model might have written, and its natural-log probability."""

    token: str
    logprob: float
    bytes: NotRequired[list[int] | None]


class TokenLogprob(TypedDict):
    """One token and its natural-log probability."""

    token: str
    logprob: float
    bytes: NotRequired[list[int] | None]
    top_logprobs: NotRequired[list[TopLogProb] | None]


#: its published name
LogProbEntry = TokenLogprob


@replaceable
@define
class LMOutput:
    """One sample of a generation, or one scored continuation.

    For a generation ``text`` is the answer, cut before the stop sequence; ``reasoning`` is what the
    model thought aloud before it, where it did. ``finish_reason`` is ``"stop"``, ``"length"``,
    ``"tool_calls"``, ``"content_filter"``, or ``"thinking"`` where the model stopped within a
    thought, so that there is no answer.
    For a log-likelihood request ``text`` is the continuation itself, and

    - ``sum_logprob``: natural-log probability of the continuation given its context, summed
      over its tokens;
    - ``num_tokens``: number of tokens of the continuation;
    - ``is_greedy``: whether every token of it was the most probable one.

    ``logprobs`` are the tokens of a generation, each with its log-probability, where
    ``SamplingParams.logprobs`` asks for them; of a ROLLING request by token ids, those of its
    tokens after the first, each with the most probable one as its ``top_logprobs``.
    """

    text: str
    sum_logprob: float | None = None
    num_tokens: int | None = None
    is_greedy: bool | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = field(default=(), converter=items)
    finish_reason: str | None = None
    usage: Usage | None = None
    extracted_answer: Any = None
    trajectory: Trajectory | None = None
    metadata: Mapping[str, Any] = field(factory=dict)
    reasoning: str | None = None

    def with_answer(self, answer: Any) -> LMOutput:
        """A copy of it with ``extracted_answer``; made for every sample, so without the detour of
        ``attrs.evolve``."""
        if type(self) is not LMOutput:
            return evolve(self, extracted_answer=answer)
        return LMOutput(
            self.text,
            self.sum_logprob,
            self.num_tokens,
            self.is_greedy,
            self.logprobs,
            self.tool_calls,
            self.finish_reason,
            self.usage,
            answer,
            self.trajectory,
            self.metadata,
            self.reasoning,
        )

    @property
    def has_tool_calls(self) -> bool:
        """Whether the model called a tool."""
        return bool(self.tool_calls)
