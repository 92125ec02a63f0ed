"""Code that may block, in a thread with an event loop of its own, and a limit to its time.

What waits is cancelled when the time is over. What blocks instead cannot be stopped: its thread
is left behind, the run ends without it, and it ends with the process.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.providers.engine_input import EngineInput
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.runner.asked import RecordedModel

T = TypeVar("T")

#: seconds that cancelled code has to clean up
GRACE = 10.0
#: what asyncio reports of an error that ends a loop, and that is reported here
_ENDING = "unhandled exception during asyncio.run() shutdown"


class Apart(threading.Thread):
    """A call in a thread of its own; ``error`` is whatever it raised, ``stops`` how often it was
    told to stop.
    """

    #: set where it did not end when it was told to
    abandoned = False

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(name="olmo-eval external", daemon=True)
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = anyio.Event()
        self.stops = 0
        self._call = call
        self._home = asyncio.get_running_loop()
        self._own: asyncio.AbstractEventLoop | None = None
        self._scope: anyio.CancelScope | None = None
        self._waiting = anyio.CancelScope()
        self._grace = anyio.CancelScope(shield=True)

    def run(self) -> None:
        try:
            self.result = anyio.run(self._main)
        except BaseException as error:  # reported by whoever waits for it
            self.error = error
        with suppress(RuntimeError):  # nobody waits any more
            self._home.call_soon_threadsafe(self.ended.set)

    async def _main(self) -> Any:
        self._own = asyncio.get_running_loop()
        self._own.set_exception_handler(_report)
        with anyio.CancelScope() as self._scope:
            made = self._call()
            return await made if inspect.isawaitable(made) else made

    async def ended_within(self, seconds: float) -> bool:
        """Start, and wait for the end; False where the time was over first, or it was stopped."""
        self.start()
        try:
            with anyio.move_on_after(seconds) as self._waiting:
                await self.ended.wait()
        finally:
            if not self.ended.is_set():
                await self._cancel()
        return not self._waiting.cancelled_caught

    def stop(self) -> None:
        """Cancel the call; the second time, wait no longer until it has cleaned up."""
        self.stops += 1
        (self._waiting if self.stops == 1 else self._grace).cancel()

    async def _cancel(self) -> None:
        if self._own is not None and self._scope is not None:
            with suppress(RuntimeError):  # its loop has just ended
                self._own.call_soon_threadsafe(self._scope.cancel)
        self._grace.deadline = anyio.current_time() + GRACE
        try:
            with self._grace:
                await self.ended.wait()
        finally:
            self.abandoned = not self.ended.is_set()


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if context.get("message") != _ENDING:
        loop.default_exception_handler(context)


class ModelApart:
    """A model as another thread's event loop may ask it; each request is made in the run's own.

    ``provider`` is the provider behind it: everything but asking (``base_url``, ``describe``, ...)
    is its own.
    """

    def __init__(self, model: RecordedModel, portal: BlockingPortal, provider: Any = None) -> None:
        self._model, self._portal = model, portal
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    @property
    def config(self) -> ProviderConfig:
        return self._model.config

    @property
    def capabilities(self) -> Collection[Capability]:
        return self._model.capabilities

    @property
    def max_concurrency(self) -> int:
        return self._model.max_concurrency

    @property
    def takes_tokens(self) -> bool:
        return self._model.takes_tokens

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        return await self._ask(self._model.generate, request, params)

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        return await self._ask(self._model.loglikelihood, request)

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        return await self._ask(self._model.inspect, request, params)

    async def _ask(self, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return await asyncio.wrap_future(self._portal.start_task_soon(call, *arguments))
