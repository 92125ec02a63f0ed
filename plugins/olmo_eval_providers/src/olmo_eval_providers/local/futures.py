"""Answers from an engine's thread to the event loop that waits for them."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class ThreadFuture(Generic[T]):
    """A ``future`` of the running event loop that another thread ends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def done(self, result: T | BaseException) -> None:
        """End it, from any thread, with a result or an error. A loop that is closed and a future
        that has been cancelled take neither."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, result)

    def _settle(self, result: T | BaseException) -> None:
        if self.future.done():
            return
        if isinstance(result, BaseException):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)
