"""A service on loopback, in a thread of its own: whoever asks it may block theirs."""

from __future__ import annotations

import asyncio
import secrets
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from olmo_eval.endpoint.service import ServedModel, Service
from olmo_eval.errors import MissingDependencyError, OlmoEvalError

HOST = "127.0.0.1"
#: bytes that a request may have
_MOST_READ = 256 << 20


class Endpoint:
    """The address of a model that speaks OpenAI's protocol, until it is closed.

    - ``base_url``: such as ``http://127.0.0.1:41231/v1``, on loopback alone;
    - ``api_key``: what a program must show, as ``Authorization: Bearer ...``; new each time;
    - ``model``: the name that requests must give.

    ``served`` is asked from the endpoint's own event loop. A context manager.

    Raises:
        MissingDependencyError: aiohttp is not installed.
    """

    def __init__(self, served: ServedModel, name: str, aliases: tuple[str, ...] = ()) -> None:
        self.model = name
        self.api_key = secrets.token_urlsafe(32)
        self.service = Service(served, name, self.api_key, aliases)
        self._web = _aiohttp()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._port: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, name="olmo-eval endpoint", daemon=True)
        self._thread.start()
        self.base_url = f"http://{HOST}:{self._port.result(timeout=60)}/v1"

    def environment(self) -> dict[str, str]:
        """The variables in which most programs look for a server of OpenAI's protocol."""
        return {
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_BASE": self.base_url,
            "OPENAI_API_KEY": self.api_key,
        }

    def close(self) -> None:
        """End it; requests under way are dropped."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(timeout=10)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as error:
            if not self._port.done():
                self._port.set_exception(error)
        finally:
            self._loop.close()

    async def _main(self) -> None:
        web = self._web
        app = web.Application(client_max_size=_MOST_READ)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, 0)
            await site.start()
            self._port.set_result(int(runner.addresses[0][1]))
            await self._stopped.wait()
        except OSError as error:
            raise OlmoEvalError(f"no port of {HOST} can be listened to: {error}") from error
        finally:
            await runner.cleanup()

    async def _handle(self, request: Any) -> Any:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = await self.service.reply(
            request.method, request.path, headers, await request.read()
        )
        return self._web.Response(
            status=reply.status,
            body=reply.body,
            content_type=reply.content_type,
            headers=dict(reply.headers),
        )


def _aiohttp() -> Any:
    try:
        from aiohttp import web
    except ImportError as error:
        raise MissingDependencyError(
            "a model's endpoint needs aiohttp, which is not installed",
            hint="pip install 'olmo-eval[endpoint]'",
        ) from error
    return web
