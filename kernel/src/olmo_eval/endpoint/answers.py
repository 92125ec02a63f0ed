"""What a model answered, in OpenAI's shapes."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from olmo_eval.common.types import LMOutput, TokenLogprob
from olmo_eval.endpoint.bodies import Asked

#: how an output ended, where OpenAI has another word
_FINISH = {
    None: "stop",
    "thinking": "length",
    "max_tokens": "length",
    "max_turns": "length",
    "timeout": "length",
}


def chat_answer(model: str, asked: Asked, outputs: Sequence[LMOutput]) -> dict[str, Any]:
    """The body of an answered ``/chat/completions``."""
    choices = [
        {
            "index": index,
            "message": _message(output),
            "finish_reason": finish_reason(output),
            "logprobs": None
            if asked.top_logprobs is None or output.logprobs is None
            else {"content": [_chat_token(token) for token in output.logprobs]},
        }
        for index, output in enumerate(outputs)
    ]
    return _answer("chat.completion", model, choices, _usage(outputs))


def completion_answer(
    model: str, choices: Sequence[Mapping[str, Any]], answered: Sequence[Sequence[LMOutput]]
) -> dict[str, Any]:
    """The body of an answered ``/completions``; ``answered`` are the outputs of each prompt."""
    numbered = [{"index": index, **choice} for index, choice in enumerate(choices)]
    known = [usage for usage in map(_usage, answered) if usage is not None]
    total = {name: sum(usage[name] for usage in known) for name in known[0]} if known else None
    return _answer("text_completion", model, numbered, total)


def completion_choice(asked: Asked, output: LMOutput) -> dict[str, Any]:
    """One sample of a completion."""
    tokens = output.logprobs if asked.top_logprobs is not None else None
    return {
        "text": output.text,
        "finish_reason": finish_reason(output),
        "logprobs": None if tokens is None else token_table(list(tokens)),
    }


def token_table(tokens: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Tokens with their log-probabilities as completions list them. ``top_logprobs`` names the
    token itself and the more probable ones that are known; a first token may have none."""
    offsets, at = [], 0
    for token in tokens:
        offsets.append(at)
        at += len(token["token"])
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [_finite(token["logprob"]) for token in tokens],
        "top_logprobs": [_top(token) for token in tokens],
        "text_offset": offsets,
    }


def scored_answer(model: str, outputs: Sequence[LMOutput]) -> dict[str, Any]:
    """The body of an answered ``/loglikelihood``: log-probabilities in nats."""
    return {
        "object": "loglikelihood",
        "model": model,
        "results": [
            {
                "logprob": _finite(output.sum_logprob),
                "num_tokens": output.num_tokens,
                "is_greedy": output.is_greedy,
            }
            for output in outputs
        ],
        "usage": _usage(outputs, scored=True),
    }


def finish_reason(output: LMOutput) -> str:
    """How an output ended, in OpenAI's words."""
    return _FINISH.get(output.finish_reason, output.finish_reason or "stop")


def chunks(answer: Mapping[str, Any], include_usage: bool) -> Iterator[dict[str, Any]]:
    """An answer as the events of a stream: each choice in one piece, then the usage."""
    head = {key: answer[key] for key in ("id", "created", "model")}
    chat = answer["object"] == "chat.completion"
    head["object"] = "chat.completion.chunk" if chat else "text_completion"
    for choice in answer["choices"]:
        if not chat:
            yield {**head, "choices": [choice]}
            continue
        delta = {key: value for key, value in choice["message"].items() if value is not None}
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": i, **c} for i, c in enumerate(delta["tool_calls"])]
        part = {"index": choice["index"], "delta": delta, "logprobs": choice["logprobs"]}
        yield {**head, "choices": [{**part, "finish_reason": None}]}
        end = {"index": choice["index"], "delta": {}, "logprobs": None}
        yield {**head, "choices": [{**end, "finish_reason": choice["finish_reason"]}]}
    if include_usage:
        yield {**head, "choices": [], "usage": answer["usage"]}


def _answer(
    kind: str, model: str, choices: Sequence[Mapping[str, Any]], usage: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": f"{'chatcmpl' if kind == 'chat.completion' else 'cmpl'}-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "choices": list(choices),
        "usage": usage,
    }


def _message(output: LMOutput) -> dict[str, Any]:
    calls = [call.to_openai() for call in output.tool_calls]
    for call in calls:  # the next turn's tool message must name it
        call["id"] = call["id"] or f"call_{uuid.uuid4().hex[:24]}"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not output.text else output.text,
    }
    if calls:
        message["tool_calls"] = calls
    if output.reasoning:
        message["reasoning_content"] = output.reasoning
    return message


def _chat_token(token: TokenLogprob) -> dict[str, Any]:
    return {
        "token": token["token"],
        "logprob": _finite(token["logprob"]),
        "bytes": token.get("bytes"),
        "top_logprobs": [
            {"token": t["token"], "logprob": t["logprob"], "bytes": t.get("bytes")}
            for t in token.get("top_logprobs") or ()
        ],
    }


def _top(token: Mapping[str, Any]) -> dict[str, float | None] | None:
    own = _finite(token["logprob"])
    if own is None:
        return None
    found: dict[str, float | None] = {token["token"]: own}
    for other in token.get("top_logprobs") or ():
        # two tokens may be written alike: the more probable one counts
        name = other["token"]
        found[name] = max(other["logprob"], found.get(name) or -math.inf)
    return found


def _finite(value: float | None) -> float | None:
    """JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None


def _usage(outputs: Sequence[LMOutput], *, scored: bool = False) -> dict[str, int] | None:
    """Tokens of the samples of one prompt, which is counted once; of scored texts, of each."""
    known = [output.usage for output in outputs if output.usage is not None]
    if not known:
        return None
    prompts = [usage.prompt_tokens for usage in known]
    prompt = sum(prompts) if scored else max(prompts)
    completion = sum(usage.completion_tokens for usage in known)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
