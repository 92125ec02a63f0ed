"""From finished samples and likelihoods to the kernel's outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from olmo_eval.common.types import LMOutput, LMRequest, RequestType, TokenLogprob, ToolCall, Usage
from olmo_eval_providers.hf.sample import Sample
from olmo_eval_providers.hf.scoring import Likelihood
from olmo_eval_providers.hf.tokenizer import HFTokenizer
from olmo_eval_providers.tool_calls import tool_calls_in


def generated(
    tokenizer: HFTokenizer, request: LMRequest, samples: Sequence[Sample]
) -> list[LMOutput]:
    """One output a sample. Usage counts every token drawn, those of a stop sequence included."""
    return [_generated(tokenizer, request, sample) for sample in samples]


def _generated(tokenizer: HFTokenizer, request: LMRequest, sample: Sample) -> LMOutput:
    text = sample.text
    calls: tuple[ToolCall, ...] = ()
    if request.tools:
        text, calls = tool_calls_in(sample.text)
    shown = sample.shown()
    logprobs = None
    if sample.params.logprobs is not None:
        logprobs = _listed(tokenizer, sample.tokens[:shown], sample.logprobs[:shown])
    return LMOutput(
        text=text,
        num_tokens=shown,
        sum_logprob=None if logprobs is None else sum(sample.logprobs[:shown]),
        logprobs=logprobs,
        tool_calls=calls,
        finish_reason="tool_calls" if calls else sample.finish_reason,
        usage=Usage(
            prompt_tokens=len(sample.prompt),
            completion_tokens=len(sample.tokens),
            cached_tokens=sample.reused,
        ),
        metadata=_cut(sample.dropped),
    )


def scored(
    tokenizer: HFTokenizer, request: LMRequest, parts: Sequence[Likelihood]
) -> list[LMOutput]:
    """One output a continuation; for a ROLLING request one, from all of its windows."""
    if request.request_type is RequestType.ROLLING:
        return [_scored(tokenizer, request.prompt, parts)]
    return [
        _scored(tokenizer, text, [part])
        for text, part in zip(request.continuations, parts, strict=True)
    ]


def _scored(tokenizer: HFTokenizer, text: str, parts: Sequence[Likelihood]) -> LMOutput:
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
    tokenizer: HFTokenizer, tokens: Iterable[int], logprobs: Iterable[float]
) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(token=tokenizer.token_text(token), logprob=logprob)
        for token, logprob in zip(tokens, logprobs, strict=True)
    )


def _cut(dropped: int) -> dict[str, Any]:
    """What the record says where a prompt did not fit the model."""
    return {"truncated_prompt_tokens": dropped} if dropped else {}
