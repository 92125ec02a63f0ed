"""Trying again what may pass: exponential backoff, full jitter, Retry-After."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from olmo_eval.errors import TransientError

T = TypeVar("T")

#: OS errors that say something about this machine's files, not about a service
_PERMANENT = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
)


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: ``TransientError``, timeouts, dropped connections."""
    if isinstance(error, TransientError):
        return True
    return isinstance(error, OSError) and not isinstance(error, _PERMANENT)


def backoff(
    attempt: int,
    *,
    base: float = 0.5,
    cap: float = 60.0,
    retry_after: float | None = None,
    jitter: Callable[[], float] = random.random,
) -> float:
    """Seconds to wait after failed attempt ``attempt`` (0, 1, ...).

    Full jitter: uniform between 0 and ``base * 2**attempt``, at most ``cap`` (Brooker, AWS
    Architecture Blog 2015), because clients that failed together must not come back together.
    ``retry_after`` is the least wait a service asked for; it is honoured up to ``cap``, with
    jitter on top.
    """
    window = min(cap, base * 2.0 ** min(attempt, 32))
    return min(cap, max(retry_after or 0.0, 0.0)) + window * jitter()


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    max_retries: int,
    timeout: float | None = None,
    base: float = 0.5,
    cap: float = 60.0,
    jitter: Callable[[], float] = random.random,
    on_retry: Callable[[BaseException, float], None] | None = None,
) -> T:
    """``await call()``, tried again at most ``max_retries`` times after transient failures.

    ``timeout`` limits one attempt, in seconds; an attempt that exceeds it failed transiently.
    ``on_retry`` hears of each failure and the seconds until the next attempt.

    Raises:
        TransientError: every attempt failed; the message says how often, and the last reason.
        Exception: whatever else ``call`` raises, at once.
    """
    for attempt in range(max_retries + 1):
        try:
            if timeout is None:
                return await call()
            with anyio.fail_after(timeout):
                return await call()
        except Exception as error:
            if not is_transient(error):
                raise
            if attempt == max_retries:
                raise _exhausted(error, max_retries, timeout) from error
            retry_after = getattr(error, "retry_after", None)
            delay = backoff(attempt, base=base, cap=cap, retry_after=retry_after, jitter=jitter)
            if on_retry is not None:
                on_retry(error, delay)
            await anyio.sleep(delay)
    raise ValueError(f"max_retries must be at least 0, got {max_retries}")


def _exhausted(error: BaseException, max_retries: int, timeout: float | None) -> TransientError:
    if isinstance(error, TransientError):
        reason = error.message
    elif str(error):
        reason = f"{type(error).__name__}: {error}"
    else:
        reason = f"no answer within {timeout:g} s" if timeout else type(error).__name__
    times = f" ({max_retries + 1} attempts)" if max_retries else ""
    return TransientError(f"{reason}{times}", hint=getattr(error, "hint", None))
