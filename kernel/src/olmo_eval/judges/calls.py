"""What a judge's model was asked and what it replied, kept beside the score that it led to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import asdict, evolve, frozen

from olmo_eval.common.thinking import UNCLOSED
from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams, Usage
from olmo_eval.errors import JudgeError

#: the key of an output's evidence under which its calls are kept
CALLS = "judge_calls"


@frozen
class JudgeCall:
    """One request to a judge's model.

    - ``provider``: the auxiliary provider that was asked, ``model``: the model it runs;
    - ``messages``: what was asked, the system prompt first;
    - ``sampling``: ``max_tokens`` and ``temperature``;
    - ``reply`` and ``thinking``: what the model said, and what it thought aloud before it;
    - ``seconds``: from asking to the reply, retries included;
    - ``error``: why there is no reply;
    - ``scorer``: whose question it was.
    """

    provider: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    sampling: Mapping[str, Any]
    reply: str | None = None
    thinking: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    seconds: float | None = None
    error: str | None = None
    scorer: str = ""

    @classmethod
    def asking(
        cls, provider: str, model: str, request: LMRequest, params: SamplingParams
    ) -> JudgeCall:
        """A request that has no reply yet."""
        sampling = {"max_tokens": params.max_tokens, "temperature": params.temperature}
        return cls(provider, model, tuple(request.chat_messages()), sampling)

    def answered(self, output: LMOutput, seconds: float) -> JudgeCall:
        """The call with the reply that came."""
        return evolve(
            self,
            reply=output.text,
            thinking=output.reasoning,
            finish_reason=output.finish_reason,
            usage=output.usage,
            seconds=round(seconds, 4),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; what there is none of is left out."""
        plain = asdict(self, recurse=False)
        plain["messages"] = [dict(message) for message in self.messages]
        plain["usage"] = None if self.usage is None else asdict(self.usage)
        return {name: value for name, value in plain.items() if value not in (None, "")}


@frozen
class JudgeUsage:
    """What judges took: requests that were replied to, tokens, US dollars (None where no provider
    knows its prices)."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None

    @classmethod
    def of(cls, calls: Iterable[Mapping[str, Any]]) -> JudgeUsage:
        """The sum of calls, each as ``JudgeCall.to_dict`` gives it."""
        total = cls()
        for call in calls:
            if "error" in call:
                continue
            used = call.get("usage") or {}
            total = total.plus(
                cls(
                    1,
                    used.get("prompt_tokens") or 0,
                    used.get("completion_tokens") or 0,
                    used.get("cost_usd"),
                )
            )
        return total

    def plus(self, more: JudgeUsage) -> JudgeUsage:
        """The sum; a cost is known where any part of it is."""
        costs = [u.cost_usd for u in (self, more) if u.cost_usd is not None]
        return JudgeUsage(
            self.calls + more.calls,
            self.prompt_tokens + more.prompt_tokens,
            self.completion_tokens + more.completion_tokens,
            sum(costs) if costs else None,
        )


_listening: ContextVar[list[JudgeCall] | None] = ContextVar("judge_calls", default=None)


@contextmanager
def listening() -> Iterator[list[JudgeCall]]:
    """The calls that are made in the block, by whichever task it starts."""
    calls: list[JudgeCall] = []
    token = _listening.set(calls)
    try:
        yield calls
    finally:
        _listening.reset(token)


def keep(call: JudgeCall) -> None:
    """Tell of a call to whoever is listening."""
    calls = _listening.get()
    if calls is not None:
        calls.append(call)


def whole(output: LMOutput, params: SamplingParams) -> LMOutput:
    """``output``, where it is a reply that ended by itself.

    Raises:
        JudgeError: it was cut, withheld, ended within a thought, or says nothing.
    """
    if output.finish_reason == "length":
        raise JudgeError(f"the judge's reply was cut after {params.max_tokens} tokens")
    if output.finish_reason == "content_filter":
        raise JudgeError("the judge's service withheld its reply")
    if output.finish_reason == UNCLOSED:
        raise JudgeError("the judge thought and did not reply")
    if not output.text.strip():
        raise JudgeError("the judge replied nothing")
    return output
