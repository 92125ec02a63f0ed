"""Requests as OpenAI's protocol writes them."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams


def chat_body(request: LMRequest) -> dict[str, Any]:
    """``messages`` and ``tools`` of a CHAT request; a COMPLETION becomes one user message."""
    if request.request_type is RequestType.COMPLETION:
        return {"messages": [{"role": "user", "content": request.prompt}]}
    body: dict[str, Any] = {"messages": list(request.chat_messages())}
    if request.tools:
        body["tools"] = [tool.to_openai() for tool in request.tools]
        body["tool_choice"] = request.tool_choice
    return body


def sampling_body(params: SamplingParams, *, chat: bool, seed: int | None) -> dict[str, Any]:
    """Everything that ``params`` sets, except the number of samples.

    ``top_k`` is not part of OpenAI's protocol, though most servers know it; callers decide how
    it travels.
    """
    body: dict[str, Any] = {"temperature": 0.0 if params.greedy else params.temperature}
    if params.max_tokens is not None:
        body["max_tokens"] = params.max_tokens
    if not params.greedy:
        optional = {"top_p": params.top_p, "top_k": params.top_k, "seed": seed}
        body.update({k: v for k, v in optional.items() if v is not None})
    if params.stop_sequences:
        body["stop"] = list(params.stop_sequences)
    if params.logprobs is not None:
        if chat:
            body.update(logprobs=True, top_logprobs=params.logprobs)
        else:
            body["logprobs"] = params.logprobs
    return body
