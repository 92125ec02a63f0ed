"""Errors in OpenAI's shape, and which status each of ours has."""

from __future__ import annotations

from typing import Any

from olmo_eval.errors import OlmoEvalError, RefusedError, TransientError, UsageError


class BadRequest(UsageError):
    """A request that cannot be answered as it stands.

    ``param`` names the field, ``code`` is OpenAI's word for what is wrong.
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.param, self.code, self.status = param, code, status


def error_body(
    message: str, kind: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """OpenAI's shape of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def answered(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the body that say ``error``.

    The provider's own retries are over, so what will not get better by asking again is a 400:
    clients repeat a 5xx. Only an outage is one.
    """
    message = str(error) if isinstance(error, OlmoEvalError) else f"{type(error).__name__}: {error}"
    hint = error.hint if isinstance(error, OlmoEvalError) else None
    message = f"{message} ({hint})" if hint else message
    if isinstance(error, BadRequest):
        body = error_body(message, "invalid_request_error", param=error.param, code=error.code)
        return error.status, body
    if isinstance(error, RefusedError):
        return 400, error_body(message, "invalid_request_error", code="content_filter")
    if isinstance(error, TransientError):
        return 503, error_body(message, "server_error", code="unavailable")
    if isinstance(error, OlmoEvalError):
        return 400, error_body(message, "invalid_request_error", code="unanswerable")
    return 500, error_body(message, "server_error")
