"""What is asked of a model."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Required, TypedDict

from attrs import evolve, field, frozen
from attrs.validators import optional

from olmo_eval.common import bounds
from olmo_eval.common.replaceable import replaceable
from olmo_eval.common.sequences import items, items_or_none, texts, texts_or_none
from olmo_eval.common.types.tools import ToolSchema

#: samples of one instance, all of which are held at once
_MOST_SAMPLES = 100_000
_SOME_TOKENS: bounds.Validator = optional(bounds.count(1))


class Capability(StrEnum):
    """What a provider can be asked for."""

    GENERATE = "generate"
    CHAT = "chat"
    TOOLS = "tools"
    LOGLIKELIHOOD = "loglikelihood"
    ROLLING = "loglikelihood_rolling"


class RequestType(StrEnum):
    """The four ways to ask: two that generate text, two that score it."""

    CHAT = "chat"
    COMPLETION = "completion"
    LOGLIKELIHOOD = "loglikelihood"
    ROLLING = "loglikelihood_rolling"

    #: whether given texts are scored, and nothing is generated
    scored: bool
    #: what a provider must be able to do to answer
    capability: Capability

    def __init__(self, value: str) -> None:
        self.scored = value in ("loglikelihood", "loglikelihood_rolling")
        self.capability = Capability("generate" if value == "completion" else value)


class Message(TypedDict, total=False):
    """One chat message in OpenAI's shape."""

    role: Required[str]
    content: str | None
    tool_calls: list[dict[str, Any]]
    tool_call_id: str
    name: str


def _messages(value: Any) -> tuple[Message, ...]:
    if isinstance(value, str):
        raise TypeError(
            f"expected a list of messages, got the text {value!r:.80}; write "
            "[{'role': 'user', 'content': ...}]"
        )
    return items(value)


def _no_empty_text(_instance: Any, attribute: Any, value: tuple[str, ...] | None) -> None:
    if "" in (value or ()):
        raise ValueError(f"{attribute.name} must not hold an empty text, which every text ends in")


@replaceable
@frozen
class LMRequest:
    """One request.

    - ``COMPLETION``: ``prompt`` is continued.
    - ``CHAT``: ``messages`` (and ``system_prompt``, put first) are answered; ``tools`` may be
      called (``tool_choice`` ``"auto"``) or must be (``"required"``).
    - ``LOGLIKELIHOOD``: the probability of each of ``continuations`` is measured after
      ``prompt``; where ``continuation_prompts`` is given it holds one context for each
      continuation and takes the place of ``prompt``.
    - ``ROLLING``: the probability of ``prompt`` itself is measured.

    ``max_length`` caps prompt plus continuation, in tokens, below what the model allows.

    ``prompt_tokens`` are ids that take the place of ``prompt``, for providers that take them
    (``Provider.takes_tokens``): they are continued as they are; of a ROLLING request, each but the
    first is scored after those before it, and the output has the ``logprobs`` of each.
    """

    request_type: RequestType
    prompt: str = ""
    messages: tuple[Message, ...] = field(default=(), converter=_messages)
    continuations: tuple[str, ...] = field(default=(), converter=texts)
    continuation_prompts: tuple[str, ...] | None = field(default=None, converter=texts_or_none)
    tools: tuple[ToolSchema, ...] = field(default=(), converter=items)
    system_prompt: str | None = None
    tool_choice: str = "auto"
    max_length: int | None = None
    prompt_tokens: tuple[int, ...] | None = field(default=None, converter=items_or_none)

    def __attrs_post_init__(self) -> None:
        contexts = self.continuation_prompts
        if contexts is not None and len(contexts) != len(self.continuations):
            raise ValueError(
                f"{len(contexts)} continuation_prompts for {len(self.continuations)} continuations"
            )

    def contexts(self) -> tuple[str, ...]:
        """The context of each continuation, in order."""
        if self.continuation_prompts is not None:
            return self.continuation_prompts
        return (self.prompt,) * len(self.continuations)

    def chat_messages(self) -> list[Message]:
        """``messages`` with ``system_prompt`` in front, as chat APIs expect them; once, where it is
        the first of the messages already."""
        head: list[Message] = []
        if self.system_prompt is not None:
            head.append({"role": "system", "content": self.system_prompt})
        return head + list(self.without_system().messages)

    def without_system(self) -> LMRequest:
        """The request without the message that repeats its ``system_prompt``."""
        first: Mapping[str, Any] = self.messages[0] if self.messages else {}
        repeated = first.get("role") == "system" and first.get("content") == self.system_prompt
        return evolve(self, messages=self.messages[1:]) if repeated else self


@replaceable
@frozen
class SamplingParams:
    """How text is generated.

    - ``max_tokens``: at most this many; None means up to the model's context limit;
    - ``temperature``: 0 is greedy decoding;
    - ``top_p``: draw from the fewest tokens that together have this probability;
    - ``top_k``: draw from this many of the most probable tokens;
    - ``stop_sequences``: texts that end the output, and are not part of it;
    - ``num_samples``: how many outputs; sample i is drawn with a seed derived from ``seed``, the
      request and i, so that no sample depends on what else is in flight;
    - ``logprobs``: how many log-probabilities a token are asked for; None for none;
    - ``do_sample``: False is greedy decoding whatever the temperature;
    - ``seed``: of the samples; None is 0.
    """

    max_tokens: int | None = field(default=512, validator=_SOME_TOKENS)
    temperature: float = field(default=0.0, converter=float, validator=bounds.number(least=0))
    top_p: float | None = field(default=None, validator=optional(bounds.number(above=0, most=1)))
    top_k: int | None = field(default=None, validator=optional(bounds.count()))
    stop_sequences: tuple[str, ...] | None = field(
        default=None, converter=texts_or_none, validator=_no_empty_text
    )
    num_samples: int = field(default=1, validator=bounds.count(1, _MOST_SAMPLES))
    logprobs: int | None = field(default=None, validator=optional(bounds.count()))
    do_sample: bool = True
    seed: int | None = field(default=None, validator=optional(bounds.seed()))

    @property
    def greedy(self) -> bool:
        """Whether decoding is deterministic."""
        return self.temperature == 0 or not self.do_sample
