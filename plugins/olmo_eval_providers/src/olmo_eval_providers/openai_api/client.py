"""A small HTTP client for OpenAI-compatible servers.

aiohttp, because at hundreds of requests a second the client must not be what is measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from olmo_eval.errors import ProviderError, TransientError
from olmo_eval_providers.extras import require
from olmo_eval_providers.openai_api.errors import status_error, unreachable

_MESSAGE_LIMIT = 500


class OpenAIClient:
    """JSON over HTTP to one ``base_url`` (``http://host:port/v1``).

    ``timeout`` is the limit of one attempt, in seconds; ``extra`` names the extra that installs
    aiohttp. Open it inside the event loop, close it there.
    """

    def __init__(
        self, base_url: str, api_key: str | None, *, timeout: float, extra: str = "server"
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.root = self.base_url.removesuffix("/v1")
        self._aiohttp = require("aiohttp", extra)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._secret = api_key
        self._session = self._aiohttp.ClientSession(
            headers=headers,
            # concurrency is limited by the caller; a second limit here would only hide it
            connector=self._aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=self._aiohttp.ClientTimeout(total=timeout),
            # loopback servers must not be asked for through a proxy of the environment
            trust_env=False,
        )

    async def get(self, path: str) -> Any:
        return await self._send("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to ``body``; ``path`` starts with "/" and follows ``base_url``.

        A path that starts with "//" follows the server's root instead (``//tokenize``).

        Raises:
            TransientError: no connection, a timeout, 429, 5xx, or an answer cut short.
            RefusedError, ProviderError: any other failure the server reports.
        """
        return await self._send("POST", path, json.dumps(body).encode())

    async def _send(self, method: str, path: str, data: bytes | None) -> Any:
        url = self.root + path[1:] if path.startswith("//") else self.base_url + path
        try:
            return await self._attempt(method, url, data)
        except self._aiohttp.ServerDisconnectedError:
            # a kept-alive connection that the server closed as we wrote: not the server's answer
            pass
        except self._aiohttp.ClientError as error:
            raise self._failure(error) from error
        try:
            return await self._attempt(method, url, data)
        except self._aiohttp.ClientError as error:
            raise self._failure(error) from error

    async def _attempt(self, method: str, url: str, data: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"} if data is not None else None
        if self._session.closed:
            raise unreachable(self.base_url, "the connection is closed")
        try:
            async with self._session.request(method, url, data=data, headers=headers) as answer:
                content = await answer.read()
                status, answer_headers = answer.status, dict(answer.headers)
        except TimeoutError as error:
            raise TransientError(f"{self.base_url} did not answer in time") from error
        if status >= 400:
            raise status_error(status, self._message(content), self.base_url, answer_headers)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise TransientError(f"{url} answered something that is not JSON") from error

    def _failure(self, error: Exception) -> ProviderError:
        if isinstance(error, self._aiohttp.InvalidURL):
            return ProviderError(f"base_url {self.base_url!r} is not a URL")
        reason = getattr(error, "os_error", None) or error
        return unreachable(self.base_url, str(reason) or type(error).__name__)

    def _message(self, content: bytes) -> str:
        """The server's own words, without the key it may have echoed."""
        text = content.decode("utf-8", "replace").strip()
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            inner = parsed.get("error", parsed)
            if isinstance(inner, dict):
                inner = " ".join(
                    str(inner[k]) for k in ("message", "detail", "code") if inner.get(k)
                )
            text = str(inner) or text
        if self._secret:
            text = text.replace(self._secret, "[redacted]")
        return text[:_MESSAGE_LIMIT]

    async def close(self) -> None:
        await self._session.close()
