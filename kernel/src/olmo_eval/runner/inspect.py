"""Showing what is asked and answered: ``run --inspect`` and ``task inspect``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from olmo_eval.common.convert import to_json
from olmo_eval.common.types import Response, SamplingParams
from olmo_eval.errors import OlmoEvalError
from olmo_eval.providers.engine_input import EngineInput, InputToken
from olmo_eval.providers.provider import Provider


async def inspection(
    name: str,
    row: dict[str, Any],
    response: Response,
    params: SamplingParams,
    parts: Sequence[str],
    provider: Provider,
) -> str:
    """The wanted ``parts`` (instance, request, response, formatted, tokens) of one instance."""
    inputs: list[EngineInput] | None = None
    problem = "this provider does not say what its engine receives"
    if {"formatted", "tokens"} & set(parts):
        try:
            inputs = await provider.inspect(response.request, params)
        except OlmoEvalError as error:
            problem = f"not known: {error.message}"
    lines = [f"== {name}, instance {response.instance_id}"]
    for part in parts:
        if part in ("formatted", "tokens"):
            lines += [f"-- {part}", problem] if inputs is None else engine_lines(inputs, part)
        else:
            lines += [f"-- {part}", _part(part, row, response)]
    return "\n".join(lines)


def _part(part: str, row: dict[str, Any], response: Response) -> str:
    if part == "instance":
        return _json(to_json(response.instance))
    if part == "request":
        return _json({k: v for k, v in row["request"].items() if v is not None})
    kept = ("outcome", "error", "outputs", "scores", "values")
    return _json({k: row[k] for k in kept if row[k] is not None})


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


# -- what the engine receives


def engine_lines(inputs: Sequence[EngineInput], part: str) -> list[str]:
    """``inputs`` as lines for people: their text (``formatted``) or their ``tokens``.

    A context that several continuations share is shown once.
    """
    lines: list[str] = []
    for number, one in enumerate(inputs):
        same = number > 0 and _context(one) is not None and _context(one) == _context(inputs[0])
        lines.append(_heading(part, number, len(inputs), one, same))
        lines.append(_tokens(one, same) if part == "tokens" else _text(one, same))
    return lines


def _heading(part: str, number: int, count: int, one: EngineInput, same: bool) -> str:
    facts = [f"{number + 1} of {count}"] if count > 1 else []
    if same:
        facts.append("after the same context")
    elif part == "formatted":
        facts.append(f"{len(one.text.encode())} bytes")
    elif one.tokens is not None:
        length = len(one.tokens)
        scored = "" if one.scored_from is None else f", the last {length - one.scored_from} scored"
        facts.append(f"{length} tokens{scored}")
    if one.dropped:
        facts.append(f"{one.dropped} tokens cut off on the left")
    return f"-- {part} ({'; '.join(facts)})" if facts else f"-- {part}"


def _context(one: EngineInput) -> tuple[int, ...] | None:
    """Ids of what comes before the scored part."""
    if one.tokens is None or not one.scored_from:
        return None
    return tuple(token.id for token in one.tokens[: one.scored_from])


def _text(one: EngineInput, same: bool) -> str:
    if not same or one.tokens is None:
        return one.text
    return repr("".join(token.text for token in one.tokens[one.scored_from :]))


def _tokens(one: EngineInput, same: bool) -> str:
    if one.tokens is None:
        return "only the service knows how it tokenizes"
    cut = one.scored_from
    if cut is None:
        return " ".join(map(_token, one.tokens))
    context = [] if same else [_token(token) for token in one.tokens[:cut]]
    return " ".join([*context, "|", *map(_token, one.tokens[cut:])])


def _token(token: InputToken) -> str:
    """``17:'a'``; a special token, which no text stands for, as ``1:<<bos>>``."""
    if token.special:
        name = token.text.removeprefix("<").removesuffix(">")
        return f"{token.id}:<<{name}>>"
    return f"{token.id}:{token.text!r}"
