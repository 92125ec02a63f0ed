"""Answers in OpenAI's shapes as ``LMOutput``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from olmo_eval.common.stopping import cut_at_stop
from olmo_eval.common.types import LMOutput, TokenLogprob, ToolCall, Usage
from olmo_eval.errors import TransientError
from olmo_eval_providers.openai_api.leaves import count, logprob, text
from olmo_eval_providers.outputs import logprob_or_nan

#: finish reasons of the services -> ours; what is not listed is kept as it is
_FINISH_REASONS = {
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "refusal": "content_filter",
}


def outputs(
    answer: Any,
    *,
    stops: Sequence[str] = (),
    cost: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> list[LMOutput]:
    """The outputs of a chat or text completion, in the order of their index.

    Text is cut before the first of ``stops``, whether or not the service did it. The usage of
    the whole call is on its first output, so that sums over outputs are right.

    Raises:
        TransientError: the answer holds no choices or is malformed.
    """
    if not isinstance(answer, Mapping):
        raise TransientError(f"the service sent a malformed answer: {type(answer).__name__}")
    choices = answer.get("choices")
    system_fingerprint = answer.get("system_fingerprint")
    metadata = dict(metadata or {})
    if system_fingerprint:
        metadata["system_fingerprint"] = system_fingerprint
    if not isinstance(choices, list) or not choices:
        raise TransientError("the service answered without choices")
    try:
        ordered = sorted(choices, key=lambda c: c.get("index") or 0)
        total = usage(answer.get("usage"), cost)
        shared = [total] + [Usage(cost_usd=None if cost is None else 0.0)] * (len(ordered) - 1)
        return [
            _output(choice, stops, use, metadata)
            for choice, use in zip(ordered, shared, strict=True)
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TransientError(f"the service sent a malformed answer: {error!r}") from error


def _output(
    choice: Mapping[str, Any], stops: Sequence[str], use: Usage, metadata: Mapping[str, Any]
) -> LMOutput:
    message = choice.get("message")
    extra = dict(metadata)
    calls: tuple[ToolCall, ...] = ()
    reasoning = None
    finish = choice.get("finish_reason")
    if message is None:
        said = choice["text"]
        if not isinstance(said, str):
            raise TypeError(f"the text is {said!r}")
    else:
        said = text(message.get("content"))
        calls = tuple(_call(c) for c in message.get("tool_calls") or ())
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        if message.get("refusal") and not said:
            said, finish = text(message["refusal"]), "content_filter"
    said, cut = cut_at_stop(said, stops)
    finish = finish if isinstance(finish, str) else None
    finish = "stop" if cut else _FINISH_REASONS.get(finish or "", finish)
    tokens = _logprobs(choice.get("logprobs"))
    return LMOutput(
        text=said,
        sum_logprob=None if tokens is None else float(sum(t["logprob"] for t in tokens)),
        num_tokens=None if tokens is None else len(tokens),
        logprobs=tokens,
        tool_calls=calls,
        finish_reason="tool_calls" if calls and finish in ("stop", None) else finish,
        usage=use,
        metadata=extra,
        reasoning=str(reasoning) if reasoning else None,
    )


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {})
    return ToolCall(id=text(call.get("id")), name=text(function["name"]), arguments=arguments)


def usage(raw: Mapping[str, Any] | None, cost: float | None = None) -> Usage:
    """Token counts of one call; counts that are absent, or none, are 0."""
    raw = raw if isinstance(raw, Mapping) else {}
    details = raw.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=count(raw.get("prompt_tokens")),
        completion_tokens=count(raw.get("completion_tokens")),
        cached_tokens=count(details.get("cached_tokens") if isinstance(details, Mapping) else 0),
        cost_usd=cost,
    )


def _logprobs(raw: Mapping[str, Any] | None) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities of the generated tokens, from the chat or the completions shape; NaN where
    the service leaves one out."""
    if not raw:
        return None
    if raw.get("content") is not None:
        return tuple(_token(t["token"], t["logprob"]) for t in raw["content"])
    if raw.get("tokens") is not None and raw.get("token_logprobs") is not None:
        pairs = zip(raw["tokens"], raw["token_logprobs"], strict=True)
        return tuple(_token(t, p) for t, p in pairs)
    return None


def _token(token: Any, value: Any) -> TokenLogprob:
    return {"token": text(token), "logprob": logprob_or_nan(logprob(value))}
