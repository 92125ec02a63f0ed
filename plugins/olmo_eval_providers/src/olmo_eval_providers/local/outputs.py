"""What an engine that sees tokens computes, and how it becomes the kernel's ``LMOutput``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from olmo_eval.common.types import LMOutput, LMRequest, RequestType, TokenLogprob, Usage
from olmo_eval.providers.engine_input import ReadableEncoder
from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.local.tool_calls import ToolCallReader, tool_calls_in
from olmo_eval_providers.outputs import scored_output, truncation_metadata


@frozen(kw_only=True)
class Likelihood:
    """The log-likelihood of one target after its context. Log-probabilities are not finite where
    the model's logits are not.

    - ``tokens``: the target's ids, and ``logprobs`` their natural-log probabilities;
    - ``is_greedy``: whether each was the most probable token at its place;
    - ``best``: the most probable token at each place and its log-probability, where it was read;
    - ``context_tokens``: how many tokens the context has, ``cached_tokens`` of them encoded before;
    - ``truncated_tokens``: context tokens cut off on the left;
    - ``borrowed``: as of ``Scored``.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    is_greedy: bool
    context_tokens: int
    cached_tokens: int = 0
    truncated_tokens: int = 0
    borrowed: str | None = None
    best: tuple[tuple[int, float], ...] = ()

    @classmethod
    def of(
        cls,
        pair: Scored,
        logprobs: Sequence[float],
        *,
        is_greedy: bool,
        best: Iterable[tuple[int, float]] = (),
        cached_tokens: int = 0,
    ) -> Likelihood:
        """The likelihood of ``pair``'s target."""
        return cls(
            tokens=pair.target,
            logprobs=tuple(logprobs),
            is_greedy=is_greedy,
            best=tuple(best),
            context_tokens=len(pair.context),
            cached_tokens=cached_tokens,
            truncated_tokens=pair.dropped,
            borrowed=pair.borrowed,
        )

    @property
    def total(self) -> float:
        """Natural-log probability of the whole target."""
        return float(sum(self.logprobs))


@frozen(kw_only=True)
class Generation:
    """One finished sample.

    - ``tokens``: those that make up ``text``, and ``logprobs`` theirs, where asked for;
    - ``sampled_tokens``: how many were sampled in all, those of a stop sequence and the one that
      ends the sequence included;
    - ``prompt_tokens``: of the prompt as the engine read it, ``cached_tokens`` of them encoded
      before;
    - ``truncated_tokens``: prompt tokens cut off on the left.
    """

    text: str
    tokens: Sequence[int]
    logprobs: Sequence[float] | None
    sampled_tokens: int
    finish_reason: str | None
    prompt_tokens: int
    cached_tokens: int = 0
    truncated_tokens: int = 0


def generation_output(
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
        logprobs=(
            None if logprobs is None else _token_logprobs(tokenizer, generation.tokens, logprobs)
        ),
        tool_calls=calls,
        finish_reason="tool_calls" if calls else generation.finish_reason,
        usage=Usage(
            prompt_tokens=generation.prompt_tokens,
            completion_tokens=generation.sampled_tokens,
            cached_tokens=generation.cached_tokens,
        ),
        metadata=truncation_metadata(generation.truncated_tokens),
    )


def likelihood_outputs(
    tokenizer: ReadableEncoder, request: LMRequest, parts: Sequence[Likelihood]
) -> list[LMOutput]:
    """One output a continuation; for a ROLLING request one, from all of its windows, or of given
    tokens."""
    if request.prompt_tokens is not None:
        output = _likelihood_output(request.prompt, parts)
        return [evolve(output, logprobs=_with_best(tokenizer, parts[0]))]
    if request.request_type is RequestType.ROLLING:
        return [_likelihood_output(request.prompt, parts)]
    return [
        _likelihood_output(text, [part])
        for text, part in zip(request.continuations, parts, strict=True)
    ]


def _likelihood_output(text: str, parts: Sequence[Likelihood]) -> LMOutput:
    return scored_output(
        text,
        [logprob for part in parts for logprob in part.logprobs],
        is_greedy=all(part.is_greedy for part in parts),
        context_tokens=parts[0].context_tokens,
        cached_tokens=parts[0].cached_tokens,
        truncated_tokens=parts[0].truncated_tokens,
        borrowed=parts[0].borrowed,
    )


def _with_best(tokenizer: ReadableEncoder, part: Likelihood) -> tuple[TokenLogprob, ...]:
    """Each token with its log-probability, and the most probable one."""
    found = _token_logprobs(tokenizer, part.tokens, part.logprobs)
    for token, (best, logprob) in zip(found, part.best, strict=True):
        token["top_logprobs"] = [{"token": tokenizer.token_text(best), "logprob": logprob}]
    return found


def _token_logprobs(
    tokenizer: ReadableEncoder, tokens: Iterable[int], logprobs: Iterable[float]
) -> tuple[TokenLogprob, ...]:
    """Each token as text with its natural-log probability."""
    return tuple(
        TokenLogprob(token=tokenizer.token_text(token), logprob=logprob)
        for token, logprob in zip(tokens, logprobs, strict=True)
    )
