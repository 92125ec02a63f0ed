"""Bodies of requests in OpenAI's protocol, read into the words of an evaluation.

What a body says either reaches the model or is refused: a parameter that would be ignored makes a
number that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams, ToolSchema
from olmo_eval.endpoint.errors import BadRequest

Body = Mapping[str, Any]

#: of both kinds of request
_COMMON = frozenset(
    {"model", "max_tokens", "temperature", "top_p", "top_k", "n", "stop", "seed", "logprobs"}
    | {"stream", "stream_options"}
)
_CHAT = _COMMON | {"messages", "max_completion_tokens", "top_logprobs", "tools", "tool_choice"}
_COMPLETION = _COMMON | {"prompt", "echo"}
#: says nothing to the model
_IDLE = frozenset({"user", "metadata", "store", "service_tier", "safety_identifier"}) | frozenset(
    {"prompt_cache_key"}
)
#: values that ask for nothing, of parameters that are otherwise refused
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "min_p": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "parallel_tool_calls": (True,),
    "modalities": (["text"],),
    "best_of": (1,),
    "suffix": ("",),
    "functions": ([],),
}
_MESSAGE_FIELDS = ("content", "tool_calls", "tool_call_id", "name")
_DEFAULT_MAX_TOKENS = 16


@frozen
class Asked:
    """What a body asks: the request, how it is sampled, and how the answer is to be sent.

    ``seeded`` says that the body names a seed; ``top_logprobs`` is None where no log-probabilities
    are wanted; ``echo`` wants the prompt before the answer, ``bare_echo`` the prompt alone.
    """

    request: LMRequest
    params: SamplingParams
    seeded: bool
    top_logprobs: int | None
    stream: bool = False
    stream_usage: bool = False
    echo: bool = False
    bare_echo: bool = False


def read_chat(body: Body) -> Asked:
    """What the body of ``/chat/completions`` asks.

    Raises:
        BadRequest: naming the field that is wrong or cannot be honoured.
    """
    _refuse_unknown(body, _CHAT)
    messages = _messages(body.get("messages"))
    system = None
    if messages[0]["role"] == "system":
        system, messages = messages[0]["content"] or "", messages[1:]
    tools, choice = _tools(body)
    wants = _flag(body, "logprobs")
    top = _count(body, "top_logprobs", least=0) or 0
    request = LMRequest(
        RequestType.CHAT,
        messages=tuple(messages),
        system_prompt=system,
        tools=tools,
        tool_choice=choice,
    )
    limit = _count(body, "max_completion_tokens") or _count(body, "max_tokens")
    return _asked(body, request, limit, top if wants else None)


def read_completion(body: Body) -> list[Asked]:
    """What the body of ``/completions`` asks, one for each of its prompts.

    Raises:
        BadRequest: as for ``read_chat``.
    """
    _refuse_unknown(body, _COMPLETION)
    echo = _flag(body, "echo")
    limit = body.get("max_tokens")
    if limit is None:
        limit = _DEFAULT_MAX_TOKENS
    elif not (echo and limit == 0 and limit is not False):
        limit = _count(body, "max_tokens")
    top = _count(body, "logprobs", least=0)
    found = []
    for prompt in _prompts(body.get("prompt")):
        text = prompt if isinstance(prompt, str) else ""
        tokens = None if isinstance(prompt, str) else tuple(prompt)
        request = LMRequest(RequestType.COMPLETION, prompt=text, prompt_tokens=tokens)
        found.append(_asked(body, request, limit or 1, top, echo=echo, bare_echo=limit == 0))
    return found


def read_loglikelihood(body: Body) -> LMRequest:
    """What the body of ``/loglikelihood`` asks: ``{"prompt": ..., "continuations": [...]}``, or
    ``{"prompt": ..., "rolling": true}``.

    Raises:
        BadRequest: as for ``read_chat``.
    """
    _refuse_unknown(body, frozenset({"model", "prompt", "continuations", "rolling"}))
    prompt, continuations = body.get("prompt"), body.get("continuations")
    if not isinstance(prompt, str):
        raise BadRequest("prompt is not a text", param="prompt")
    if _flag(body, "rolling"):
        return LMRequest(RequestType.ROLLING, prompt=prompt)
    if not isinstance(continuations, list) or not continuations:
        raise BadRequest("continuations is not a list of texts", param="continuations")
    if not all(isinstance(text, str) for text in continuations):
        raise BadRequest("continuations is not a list of texts", param="continuations")
    return LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=tuple(continuations))


def _asked(
    body: Body,
    request: LMRequest,
    max_tokens: int | None,
    top: int | None,
    *,
    echo: bool = False,
    bare_echo: bool = False,
) -> Asked:
    temperature = body.get("temperature")
    settings: dict[str, Any] = {
        "max_tokens": max_tokens,
        "temperature": 1.0 if temperature is None else temperature,
        "top_p": body.get("top_p"),
        "top_k": body.get("top_k"),
        "stop_sequences": _stops(body.get("stop")),
        "num_samples": _count(body, "n") or 1,
        "logprobs": top,
        "seed": body.get("seed"),
    }
    try:
        params = SamplingParams(**settings)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"how to sample is not understood: {error}") from error
    if echo and params.num_samples > 1:
        raise BadRequest("echo of more than one sample", param="n")
    options = body.get("stream_options") or {}
    return Asked(
        request,
        params,
        seeded=body.get("seed") is not None,
        top_logprobs=top,
        stream=_flag(body, "stream"),
        stream_usage=bool(options.get("include_usage")),
        echo=echo,
        bare_echo=echo and bare_echo,
    )


def _refuse_unknown(body: Body, known: frozenset[str]) -> None:
    for name, value in body.items():
        if name in known or name in _IDLE or value is None or value in _NEUTRAL.get(name, ()):
            continue
        raise BadRequest(
            f"the parameter {name!r} cannot be honoured here"
            if name in _NEUTRAL
            else f"unknown parameter {name!r}",
            param=name,
            code="unsupported_parameter",
        )


def _flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} is true or false, not {value!r}", param=name)
    return bool(value)


def _count(body: Body, name: str, least: int = 1) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise BadRequest(f"{name} is a whole number from {least}, not {value!r}", param=name)
    return value


def _stops(value: Any) -> tuple[str, ...] | None:
    stops = [value] if isinstance(value, str) else value
    if stops is None:
        return None
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise BadRequest("stop is a text or a list of texts", param="stop")
    return tuple(stop for stop in stops if stop) or None


# -- prompts


def _prompts(value: Any) -> Sequence[str | list[int]]:
    """One text, several, one list of token ids, or several."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        if all(isinstance(item, str) for item in value):
            return value
        if _are_ids(value):
            return [value]
        if all(isinstance(item, list) and _are_ids(item) for item in value):
            return value
    raise BadRequest("prompt is neither text nor token ids", param="prompt")


def _are_ids(value: list[Any]) -> bool:
    return bool(value) and all(
        isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in value
    )


# -- messages and tools


def _messages(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise BadRequest("messages is not a list of messages", param="messages")
    return [_message(message, f"messages[{i}]") for i, message in enumerate(value)]


def _message(message: Any, where: str) -> dict[str, Any]:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise BadRequest(f"{where} has no role", param=where)
    role = "system" if message["role"] == "developer" else message["role"]
    kept = {name: message[name] for name in _MESSAGE_FIELDS if message.get(name) is not None}
    if not kept.get("tool_calls"):
        kept.pop("tool_calls", None)
    content = _content(message.get("content"), where)
    if content is None and "tool_calls" not in kept:
        raise BadRequest(f"{where} has no content", param=where)
    return {"role": role, **kept, "content": content}


def _content(content: Any, where: str) -> str | None:
    """The text of a message: its content, or that of its parts."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRequest(f"{where}: content is neither a text nor a list of parts", param=where)
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            raise BadRequest(f"{where}: a part of type {kind!r} cannot be read", param=where)
        texts.append(part["text"])
    return "\n".join(texts)


def _tools(body: Body) -> tuple[tuple[ToolSchema, ...], str]:
    """The tools that may be called, and whether one must be: a choice of one function is that one
    alone, and it must."""
    offered, choice = body.get("tools") or [], body.get("tool_choice") or "auto"
    if not isinstance(offered, list):
        raise BadRequest("tools is not a list", param="tools")
    try:
        tools = tuple(ToolSchema.from_openai(tool) for tool in offered)
    except (AttributeError, ValueError) as error:
        raise BadRequest(f"tools: {error}", param="tools") from error
    if choice == "none":
        return (), "auto"
    if choice in ("auto", "required"):
        return tools, choice if tools else "auto"
    function = choice.get("function") if isinstance(choice, Mapping) else None
    named = function.get("name") if isinstance(function, Mapping) else None
    chosen = tuple(tool for tool in tools if tool.name == named)
    if not chosen:
        raise BadRequest(
            f"tool_choice names no tool that is offered: {choice!r}", param="tool_choice"
        )
    return chosen, "required"
