"""What an engine that sees tokens has found, and how it becomes the kernel's ``LMOutput``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from attrs import frozen

from olmo_eval.common.types import (
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    TokenLogprob,
    Usage,
)
from olmo_eval.errors import NonFiniteError
from olmo_eval.providers.engine_input import ReadableEncoder
from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.local.tool_calls import ToolCallReader, tool_calls_in


def not_finite() -> NonFiniteError:
    """The error of a request whose next token cannot be chosen."""
    return NonFiniteError(
        "the model's logits are not finite (NaN or infinite), so there is no next token",
        hint="the weights hold NaN, or overflow in this dtype: try -o provider.dtype=float32",
    )


def logprob(value: float | None) -> float:
    """A log-probability as an engine or a server gives it; NaN where it gives none."""
    return math.nan if value is None else float(value)


@frozen(kw_only=True)
class Likelihood:
    """What is known of one target after its context. Log-probabilities are not finite where the
    model's logits are not.

    - ``tokens``: the target's ids, and ``logprobs`` their natural-log probabilities;
    - ``is_greedy``: whether each was the most probable token at its place;
    - ``context_tokens``: how many tokens the context has, ``reused`` of them encoded before;
    - ``dropped``: context tokens cut off on the left.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    is_greedy: bool
    context_tokens: int
    reused: int = 0
    dropped: int = 0

    @classmethod
    def of(
        cls, pair: Scored, logprobs: Sequence[float], *, is_greedy: bool, reused: int = 0
    ) -> Likelihood:
        """What was found for ``pair``; what has no probability is not the most probable either."""
        return cls(
            tokens=pair.target,
            logprobs=tuple(logprobs),
            is_greedy=is_greedy and all(map(math.isfinite, logprobs)),
            context_tokens=len(pair.context),
            reused=reused,
            dropped=pair.dropped,
        )

    @property
    def total(self) -> float:
        """Natural-log probability of the whole target."""
        return float(sum(self.logprobs))


class Sample(Protocol):
    """A sample of an engine that draws tokens itself, once it has ended."""

    prompt: tuple[int, ...]
    params: SamplingParams
    tokens: list[int]
    logprobs: list[float]
    text: str
    finish_reason: str | None
    reused: int


@frozen(kw_only=True)
class Generation:
    """One finished sample.

    - ``tokens``: those that make up ``text``, and ``logprobs`` theirs, where asked for;
    - ``drawn``: how many tokens were drawn in all, those of a stop sequence included;
    - ``prompt_tokens``: of the prompt as the engine read it, ``reused`` of them encoded before;
    - ``dropped``: prompt tokens cut off on the left.
    """

    text: str
    tokens: Sequence[int]
    logprobs: Sequence[float] | None
    drawn: int
    finish_reason: str | None
    prompt_tokens: int
    reused: int = 0
    dropped: int = 0

    @classmethod
    def of(
        cls, sample: Sample, decode: Callable[[Sequence[int]], str], *, dropped: int
    ) -> Generation:
        """What an ended ``sample`` has found; ``decode`` makes text of its tokens."""
        shown = len(sample.tokens)
        while shown and len(decode(sample.tokens[: shown - 1])) >= len(sample.text):
            shown -= 1  # the text may end before its last tokens do
        return cls(
            text=sample.text,
            tokens=sample.tokens[:shown],
            logprobs=None if sample.params.logprobs is None else sample.logprobs[:shown],
            drawn=len(sample.tokens),
            finish_reason=sample.finish_reason,
            prompt_tokens=len(sample.prompt),
            reused=sample.reused,
            dropped=dropped,
        )


def generated(
    tokenizer: ReadableEncoder,
    request: LMRequest,
    generation: Generation,
    read_calls: ToolCallReader = tool_calls_in,
) -> LMOutput:
    """``generation`` as an output; its tool calls are read from the text by ``read_calls``."""
    text, calls = read_calls(generation.text) if request.tools else (generation.text, ())
    logprobs = generation.logprobs
    return LMOutput(
        text=text,
        num_tokens=len(generation.tokens),
        sum_logprob=None if logprobs is None else float(sum(logprobs)),
        logprobs=None if logprobs is None else _listed(tokenizer, generation.tokens, logprobs),
        tool_calls=calls,
        finish_reason="tool_calls" if calls else generation.finish_reason,
        usage=Usage(
            prompt_tokens=generation.prompt_tokens,
            completion_tokens=generation.drawn,
            cached_tokens=generation.reused,
        ),
        metadata=_cut(generation.dropped),
    )


def scored(
    tokenizer: ReadableEncoder, request: LMRequest, parts: Sequence[Likelihood]
) -> list[LMOutput]:
    """One output a continuation; for a ROLLING request one, from all of its windows."""
    if request.request_type is RequestType.ROLLING:
        return [_scored(tokenizer, request.prompt, parts)]
    return [
        _scored(tokenizer, text, [part])
        for text, part in zip(request.continuations, parts, strict=True)
    ]


def _scored(tokenizer: ReadableEncoder, text: str, parts: Sequence[Likelihood]) -> LMOutput:
    tokens = [token for part in parts for token in part.tokens]
    logprobs = [logprob for part in parts for logprob in part.logprobs]
    return LMOutput(
        text=text,
        sum_logprob=float(sum(logprobs)),
        num_tokens=len(tokens),
        is_greedy=all(part.is_greedy for part in parts),
        logprobs=_listed(tokenizer, tokens, logprobs),
        usage=Usage(
            prompt_tokens=parts[0].context_tokens + len(tokens), cached_tokens=parts[0].reused
        ),
        metadata=_cut(parts[0].dropped),
    )


def _listed(
    tokenizer: ReadableEncoder, tokens: Iterable[int], logprobs: Iterable[float]
) -> tuple[TokenLogprob, ...]:
    """Each token as text with its natural-log probability."""
    return tuple(
        TokenLogprob(token=tokenizer.token_text(token), logprob=logprob)
        for token, logprob in zip(tokens, logprobs, strict=True)
    )


def _cut(dropped: int) -> dict[str, Any]:
    """What the record says where a prompt did not fit the model."""
    return {"truncated_prompt_tokens": dropped} if dropped else {}
