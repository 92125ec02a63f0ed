"""LiteLLM's connections in this process: opened by the first provider, closed by the last.

LiteLLM makes a client for each text completion, and drops cached clients unclosed after a while;
aiohttp reports each of their sessions at the end of the process. One HTTP client that belongs to
us is used for all of them instead.
"""

from __future__ import annotations

from typing import Any

#: who uses LiteLLM at the moment
_users: set[object] = set()
_handler: Any = None


def open_connections(litellm: Any, user: object, timeout: float) -> None:
    """Let LiteLLM use one HTTP client, unless it has been given one, until the last user leaves.
    In the event loop that will use it."""
    global _handler
    _users.add(user)
    if _handler is None and litellm.aclient_session is None:
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

        _handler = AsyncHTTPHandler(timeout=timeout)
        litellm.aclient_session = _handler.client


async def close_connections(litellm: Any, user: object) -> None:
    """``user`` needs no connections any more; others (a judge, say) may."""
    global _handler
    if user not in _users:
        return
    _users.discard(user)
    if _users:
        return
    forget = getattr(litellm, "close_litellm_async_clients", None)
    if forget is not None:
        await forget()
    cache = getattr(litellm, "in_memory_llm_clients_cache", None)
    if cache is not None:
        cache.flush_cache()  # its clients are closed, and another event loop may take their places
    if _handler is not None:
        handler, _handler = _handler, None
        litellm.aclient_session = None
        await handler.close()
