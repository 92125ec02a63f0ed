"""A framework that blocks, in a thread of its own, over an episode that does not.

What the thread asks of the event loop is done by the very task that waits for the thread, so that
a limit of the episode, which cancels that task, ends the thread as well. (What
``anyio.from_thread.run`` starts in a scope that was cancelled a moment before is cancelled by
nobody: it spins, and never ends.)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from attrs import define, frozen

T = TypeVar("T")


class ThreadEnded(BaseException):
    """Nobody waits for the thread any more; not an ``Exception``, which a framework might catch."""


@frozen
class _Call:
    function: Callable[..., Coroutine[Any, Any, Any]]
    arguments: tuple[Any, ...]
    answer: Future[Any]

    async def make(self) -> None:
        try:
            self.answer.set_result(await self.function(*self.arguments))
        except Exception as error:
            self.answer.set_exception(error)
        except BaseException:
            self.refuse()
            raise

    def refuse(self) -> None:
        self.answer.set_exception(ThreadEnded())


class Calls:
    """How the thread calls: ``calls(function, *arguments)`` waits for what a coroutine returns.

    Raises:
        ThreadEnded: nobody waits for the thread. Everything else is what the coroutine raises.
    """

    def __init__(self) -> None:
        self._waiting: _Call | None = None
        self._something = anyio.Event()
        self._over = False

    def __call__(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        answer: Future[T] = Future()
        anyio.from_thread.run_sync(self._put, _Call(function, arguments, answer))
        return answer.result()

    def _put(self, call: _Call) -> None:
        if self._over:
            call.refuse()
        else:
            self._waiting = call
            self._something.set()

    async def make(self) -> None:
        """Make the calls of the thread, one after another, until it has ended."""
        while not self._over:
            await self._something.wait()
            self._something = anyio.Event()
            call, self._waiting = self._waiting, None
            if call is not None:
                await call.make()

    def end(self) -> None:
        """Make no further call."""
        self._over = True
        self._something.set()
        if self._waiting is not None:
            self._waiting.refuse()
            self._waiting = None


@define
class _Thread:
    """What became of the thread."""

    value: Any = None
    error: BaseException | None = None

    async def run(self, work: Callable[[Calls], Any], calls: Calls) -> None:
        """Wait for the thread to the end, whatever happens: by then it calls in vain.

        Its place is its own: those that others share would soon be full of agents that wait.
        """
        with anyio.CancelScope(shield=True):
            try:
                alone = anyio.CapacityLimiter(1)
                self.value = await anyio.to_thread.run_sync(work, calls, limiter=alone)
            except BaseException as error:
                self.error = error
            finally:
                calls.end()


async def in_thread(work: Callable[[Calls], T]) -> T:
    """What ``work`` returns, called in a thread of its own with the way to call coroutines."""
    calls, thread = Calls(), _Thread()
    async with anyio.create_task_group() as group:
        group.start_soon(thread.run, work, calls)
        try:
            await calls.make()
        finally:
            calls.end()
    if thread.error is not None:
        raise thread.error
    value: T = thread.value
    return value
