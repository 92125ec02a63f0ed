"""What a failed HTTP answer means: try again, refused, or never."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from olmo_eval.errors import ProviderError, RefusedError, TransientError

#: statuses that may pass: timeouts, conflicts, rate limits and every server error
TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, *range(500, 600)}) - {501, 505}
#: 529 is how Anthropic says "overloaded"
OVERLOAD_STATUSES = frozenset({429, 503, 529})
_REFUSALS = ("content_policy", "content policy", "content_filter", "content management policy")
_HINTS = {
    401: "the API key is missing or wrong",
    403: "the API key may not use this model",
    404: "is the model's name right, and does base_url end in /v1?",
}


class OverloadError(TransientError):
    """The service asks for fewer requests: 429, 503 or 529."""


def retry_after(headers: Mapping[str, str] | None, now: float | None = None) -> float | None:
    """Seconds that ``Retry-After`` (a number or an HTTP date) or ``retry-after-ms`` asks to wait.

    None where neither header is there or readable; never negative.
    """
    lower = {k.lower(): v for k, v in (headers or {}).items()}
    try:
        if "retry-after-ms" in lower:
            return max(0.0, float(lower["retry-after-ms"]) / 1000)
        value = lower.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        then = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None
    return max(0.0, then - (time.time() if now is None else now))


def status_error(
    status: int, message: str, where: str, headers: Mapping[str, str] | None = None
) -> ProviderError:
    """The error for an HTTP answer with ``status`` from the service at ``where``."""
    text = f"{where} answered {status}: {message}" if message else f"{where} answered {status}"
    if status in TRANSIENT_STATUSES:
        kind = OverloadError if status in OVERLOAD_STATUSES else TransientError
        # an exhausted account answers 429 as well, and waiting does not fill it
        if status == 429 and "insufficient_quota" in message:
            return ProviderError(text, hint="the account has no quota left")
        return kind(text, retry_after=retry_after(headers))
    if any(word in message.lower() for word in _REFUSALS):
        return RefusedError(text)
    return ProviderError(text, hint=_HINTS.get(status))


def unreachable(where: str, reason: str) -> TransientError:
    """The error for a service that cannot be connected to, or hung up."""
    return TransientError(f"cannot reach {where}: {reason}", hint="is the server running there?")
