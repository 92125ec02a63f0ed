"""From finished jobs to the kernel's outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from olmo_eval.common.types import LMOutput, TokenLogprob, Usage
from olmo_eval_providers.embedded.decoding import Sample
from olmo_eval_providers.embedded.engine import GenerateJob, ScoreJob
from olmo_eval_providers.embedded.scoring import Likelihood
from olmo_eval_providers.embedded.tokenizer import ModelTokenizer


def generated(tokenizer: ModelTokenizer, job: GenerateJob) -> list[LMOutput]:
    """One output a sample. Usage counts every token drawn, those of a stop sequence included."""
    return [_sample_output(tokenizer, sample, job.dropped) for sample in job.samples]


def _sample_output(tokenizer: ModelTokenizer, sample: Sample, dropped: int) -> LMOutput:
    shown = _tokens_of_text(tokenizer, sample)
    logprobs = None
    if sample.params.logprobs is not None:
        logprobs = token_logprobs(tokenizer, sample.tokens[:shown], sample.logprobs[:shown])
    return LMOutput(
        text=sample.text,
        num_tokens=shown,
        sum_logprob=None if logprobs is None else sum(sample.logprobs[:shown]),
        logprobs=logprobs,
        finish_reason=sample.finish_reason,
        usage=Usage(
            prompt_tokens=len(sample.prompt),
            completion_tokens=len(sample.tokens),
            cached_tokens=sample.reused,
        ),
        metadata=_cut(dropped),
    )


def _tokens_of_text(tokenizer: ModelTokenizer, sample: Sample) -> int:
    """How many of the sample's first tokens make up its text, which may end before they do."""
    count = len(sample.tokens)
    while count and len(tokenizer.decode(sample.tokens[: count - 1])) >= len(sample.text):
        count -= 1
    return count


def scored(
    tokenizer: ModelTokenizer, continuations: Sequence[str], job: ScoreJob
) -> list[LMOutput]:
    """One output a continuation."""
    return [
        _scored_output(tokenizer, text, [likelihood])
        for text, likelihood in zip(continuations, job.results, strict=True)
    ]


def rolled(tokenizer: ModelTokenizer, text: str, job: ScoreJob) -> LMOutput:
    """The whole text, from all of its windows."""
    return _scored_output(tokenizer, text, job.results)


def _scored_output(tokenizer: ModelTokenizer, text: str, parts: Sequence[Likelihood]) -> LMOutput:
    tokens = [token for part in parts for token in part.tokens]
    logprobs = [logprob for part in parts for logprob in part.logprobs]
    return LMOutput(
        text=text,
        sum_logprob=float(sum(logprobs)),
        num_tokens=len(tokens),
        is_greedy=all(part.is_greedy for part in parts),
        logprobs=token_logprobs(tokenizer, tokens, logprobs),
        usage=Usage(
            prompt_tokens=parts[0].context_tokens + len(tokens), cached_tokens=parts[0].reused
        ),
        metadata=_cut(parts[0].dropped),
    )


def token_logprobs(
    tokenizer: ModelTokenizer, tokens: Iterable[int], logprobs: Iterable[float]
) -> tuple[TokenLogprob, ...]:
    """Each token as text with its natural-log probability."""
    return tuple(
        TokenLogprob(token=tokenizer.token_text(token), logprob=logprob)
        for token, logprob in zip(tokens, logprobs, strict=True)
    )


def _cut(dropped: int) -> dict[str, Any]:
    """What the record says where a context did not fit the model."""
    return {"truncated_prompt_tokens": dropped} if dropped else {}
