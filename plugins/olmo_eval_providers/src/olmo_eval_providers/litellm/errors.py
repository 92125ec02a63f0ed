"""LiteLLM's exceptions as the kernel's errors."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

from olmo_eval.errors import OlmoEvalError, ProviderError, RefusedError, TransientError
from olmo_eval.results.redact import Redactor
from olmo_eval_providers.openai_api.errors import status_error, unreachable

_MESSAGE_LIMIT = 500
#: the names of LiteLLM's own classes, which say nothing to a person
_WRAPPING = re.compile(r"^(?:litellm\.\w+: )?(?:\w+Error: )?(?:\w+Exception - )?")
#: what LiteLLM says of an answer without choices, as an internal server error 500
_MALFORMED = (
    "invalid response from llm",
    "no attribute 'model_dump'",
    "returned 'choices' that",
    "a response with no 'choices'",
)
#: OpenAI's words, and those of servers that follow it
_PARAMETER = re.compile(r"[Uu]nsupported (?:parameter|value): '(\w+)'")
_NO_CONNECTION = ("connection error", "cannot connect", "connection refused", "connecterror")


def translate(error: BaseException, where: str, redactor: Redactor) -> OlmoEvalError:
    """The kernel's error for what a LiteLLM call raised; ``where`` names the service.

    Classes are recognized by name, so that LiteLLM need not be imported to read this.
    """
    if isinstance(error, OlmoEvalError):
        return error
    names = {kind.__name__ for kind in type(error).__mro__}
    message = redactor.text(_message(error))
    if "Timeout" in names or isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return TransientError(f"{where} did not answer in time")
    if _is_connection(error, message):
        return unreachable(where, _root(error, redactor))
    if "ContentPolicyViolationError" in names:
        return RefusedError(f"{where} declined: {message}")
    if "ContextWindowExceededError" in names:
        return ProviderError(f"{where}: the request does not fit the context: {message}")
    if "UnsupportedParamsError" in names:
        return ProviderError(f"{where}: {message}", hint="the model does not take this setting")
    if any(isinstance(cause, json.JSONDecodeError) for cause in _causes(error)):
        return TransientError(f"{where} answered something that is not JSON")
    if any(words in message.lower() for words in _MALFORMED):
        return TransientError(f"{where} sent a malformed answer: {message}")
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status_error(status, message, where, _headers(error))
    return ProviderError(f"{where}: {type(error).__name__}: {message}")


def refused_parameter(error: BaseException) -> str | None:
    """The parameter that the service says it does not take (with this value), if that is why it
    refused a call."""
    found = _PARAMETER.search(_message(error)) if getattr(error, "status_code", 0) == 400 else None
    return found[1] if found else None


def _message(error: BaseException) -> str:
    text = " ".join(str(getattr(error, "message", "") or error).split())
    return _WRAPPING.sub("", text)[:_MESSAGE_LIMIT]


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _is_connection(error: BaseException, message: str) -> bool:
    """LiteLLM reports a refused connection as an internal server error 500."""
    if any(isinstance(cause, ConnectionError) for cause in _causes(error)):
        return True
    names = {type(cause).__name__ for cause in _causes(error)}
    if names & {"ConnectError", "ClientConnectorError", "RemoteProtocolError", "ReadError"}:
        return True
    return any(words in message.lower() for words in _NO_CONNECTION)


def _root(error: BaseException, redactor: Redactor) -> str:
    *_, last = _causes(error)
    return redactor.text(str(last) or type(last).__name__)[:_MESSAGE_LIMIT]


def _headers(error: BaseException) -> dict[str, str]:
    for source in (
        getattr(error, "litellm_response_headers", None),
        getattr(getattr(error, "response", None), "headers", None),
        getattr(error, "headers", None),
    ):
        if source:
            return {str(k): str(v) for k, v in dict(source).items()}
    return {}
