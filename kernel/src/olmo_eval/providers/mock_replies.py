"""What the mock says: texts cut as an engine would, scripted turns, seeded numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.common.stopping import cut_at_stop
from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance, LMOutput, LMRequest, SamplingParams, ToolCall, Usage

#: log-probability a byte of a preferred continuation, and the most of any other
LIKELY, UNLIKELY = -0.001, -1.0


def right_answer(instance: Instance) -> str:
    """What a model that knows would write: the letter among choices, else the gold answer."""
    index = instance.gold_index
    if instance.choices and index is not None:
        return f"ANSWER: {LABELS[index]}"
    golds = instance.metadata.get("all_answers") or instance.gold_answer
    gold = golds[0] if isinstance(golds, list | tuple) and golds else golds
    return "" if gold is None else str(gold)


def with_usage(output: LMOutput, usage: Usage) -> LMOutput:
    """``output`` with the prompt's tokens and its own counted."""
    return evolve(output, usage=_counted(output.text, usage))


def _counted(text: str, usage: Usage) -> Usage:
    return Usage(usage.prompt_tokens, len(text.split()))


def finished(text: str, params: SamplingParams, usage: Usage | None = None) -> LMOutput:
    """``text`` cut at the stop sequences and after ``max_tokens`` words, as an engine would; with
    its tokens counted where ``usage`` has the prompt's."""
    reason = "stop"
    text, _ = cut_at_stop(text, params.stop_sequences or ())
    if params.max_tokens is not None:
        kept = _first_words(text, params.max_tokens)
        if len(kept) < len(text):
            text, reason = kept, "length"
    counted = None if usage is None else _counted(text, usage)
    return LMOutput(text, finish_reason=reason, usage=counted)


def _first_words(text: str, count: int) -> str:
    """The first ``count`` words with the white space between them; the mock's tokens are words."""
    words = text.split()
    if len(words) <= count:
        return text
    position = 0
    for word in words[:count]:
        position = text.index(word, position) + len(word)
    return text[:position]


def scripted(replies: Sequence[Any], request: LMRequest) -> LMOutput:
    """The reply for this turn: as many were given as assistants spoke since the user did.

    Where ``replies`` are lists, there is one for each message of the user.
    """
    if all(isinstance(reply, list | tuple) and reply for reply in replies):
        users = sum(message["role"] == "user" for message in request.messages)
        replies = replies[min(max(users, 1), len(replies)) - 1]
    turn = 0
    for message in reversed(request.messages):
        if message["role"] == "user":
            break
        turn += message["role"] == "assistant"
    reply = replies[min(turn, len(replies) - 1)]
    if not isinstance(reply, Mapping):
        return LMOutput(str(reply), finish_reason="stop")
    calls = tuple(_tool_calls(reply.get("tool_calls", ()), turn))
    reason = "tool_calls" if calls else "stop"
    return LMOutput(str(reply.get("text", "")), tool_calls=calls, finish_reason=reason)


def _tool_calls(calls: Iterable[Mapping[str, Any]], turn: int) -> Iterable[ToolCall]:
    for i, call in enumerate(calls):
        arguments = call.get("arguments", {})
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        yield ToolCall(f"call_{turn}_{i}", str(call["name"]), text)


def scored(text: str, prompt_tokens: int, strength: float) -> LMOutput:
    size = len(text.encode("utf-8", "surrogatepass"))
    tokens = -(-size // 4)
    return LMOutput(
        text,
        sum_logprob=strength * size,
        num_tokens=tokens,
        is_greedy=strength == LIKELY,
        usage=Usage(prompt_tokens, 0),
    )


def tokens_in(request: LMRequest) -> int:
    size = len(request.prompt)
    for message in request.messages:
        size += len(message.get("content") or "")
    return -(-size // 4)


def digest_for(draw: hashlib.blake2b, purpose: bytes) -> bytes:
    own = draw.copy()
    own.update(b"\0" + purpose)
    return own.digest()


def uniform(draw: hashlib.blake2b, purpose: bytes) -> float:
    """A number in [0, 1) for one purpose, from 53 bits of the hash."""
    return (int.from_bytes(digest_for(draw, purpose)) >> 11) * 2.0**-53
