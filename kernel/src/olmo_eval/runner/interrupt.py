"""Ctrl-C and sys.exit: how a run is told to end, and how nothing else can end it.

The main thread hears signals itself. A run in another thread (where an event loop, a notebook's
say, has the main one) is passed the interrupts that the waiting main thread hears.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import signal
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio

from olmo_eval.errors import OlmoEvalError, RunFailedError, TransientError
from olmo_eval.faults import reason
from olmo_eval.runner.timelimit import throw_into

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_WAKE_SECONDS = 0.2
#: seconds within which another SIGTERM is the same
_ECHO_SECONDS = 2.0


class Interrupted(OlmoEvalError):
    """The run was stopped by Ctrl-C; everything finished is kept (exit 130)."""

    exit_code = 130


class Interrupts:
    """Interrupts passed on to a run in a thread of its own, which signals do not reach."""

    def __init__(self, thread: threading.Thread) -> None:
        self.count = 0
        self._thread = thread
        self._tell: Callable[[], object] | None = None

    def pass_on(self, _number: int, _frame: Any) -> None:
        """The handler of SIGINT while the main thread waits for the run.

        Raises:
            KeyboardInterrupt: the third time, which leaves a run behind that cannot be reached.
        """
        self.count += 1
        if self.count > 2:
            raise KeyboardInterrupt("the run did not end; it is left to itself")
        if self._tell is not None:
            self._tell()
        else:
            throw_into(self._thread, KeyboardInterrupt)

    @contextmanager
    def told(self, tell: Callable[[], object]) -> Iterator[None]:
        """In the block the run is told by ``tell``, called from the main thread."""
        before, self._tell = self._tell, tell
        try:
            yield
        finally:
            self._tell = before


_passed_on: contextvars.ContextVar[Interrupts | None] = contextvars.ContextVar(
    "_passed_on", default=None
)


@contextmanager
def interrupts() -> Iterator[AsyncIterator[object]]:
    """What to iterate over in order to hear of every interrupt of this run."""
    passed_on = _passed_on.get()
    if passed_on is not None:
        loop = asyncio.get_running_loop()
        send, receive = anyio.create_memory_object_stream[None](math.inf)
        tell = passed_on.told(lambda: loop.call_soon_threadsafe(send.send_nowait, None))
        with send, receive, tell:
            yield receive
        return
    if threading.current_thread() is not threading.main_thread():
        yield _never()  # signals belong to somebody else
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        with anyio.open_signal_receiver(*_SIGNALS) as receiver:
            yield _without_echoes(receiver)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


async def _without_echoes(signals: AsyncIterator[int]) -> AsyncIterator[int]:
    """Signals as they were meant: a scheduler terminates a process and the script around it, which
    passes it on."""
    last = -math.inf
    async for number in signals:
        now = time.monotonic()
        if number != signal.SIGTERM or now - last >= _ECHO_SECONDS:
            yield number
        last = now


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Calling what this gives, from another thread, is Ctrl-C to a run in the block, which is in a
    thread that no signal reaches."""
    passed_on = Interrupts(threading.current_thread())
    token = _passed_on.set(passed_on)
    try:
        yield lambda: passed_on.pass_on(signal.SIGINT, None)
    finally:
        _passed_on.reset(token)


async def _never() -> AsyncIterator[object]:
    return
    yield


@contextmanager
def cancelled_by_interrupts() -> Iterator[None]:
    """Interrupts passed on end the block wherever it waits, unless ``interrupts`` hears them.

    Raises:
        Interrupted: one did.
    """
    passed_on = _passed_on.get()
    if passed_on is None:
        yield
        return
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        with passed_on.told(lambda: loop.call_soon_threadsafe(scope.cancel)):
            yield
    if scope.cancelled_caught:
        raise Interrupted("stopped", hint="the same call resumes what it had begun")


def _forget_loop() -> None:
    """Where sniffio is installed, a copied context says that the loop of another thread runs here,
    and anyio believes it."""
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        sniffio.current_async_library_cvar.set(None)


def outside_of_a_loop(call: Callable[[], T]) -> T:
    """``call()``; in a thread of its own where an event loop already runs (a notebook).

    Raises:
        KeyboardInterrupt: an interrupt ended it, which has then let go of its run.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    outcome: list[Any] = []

    def work() -> None:
        _passed_on.set(passed_on)
        _forget_loop()
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="olmo-eval", daemon=True)
    passed_on = Interrupts(thread)
    with _hearing(passed_on):
        thread.start()
        while thread.is_alive():
            # The system may hand the signal to another thread: then only waking runs the handler.
            thread.join(_WAKE_SECONDS)
    result, error = outcome[0]
    if passed_on.count:
        raise _keyboard_interrupt(error) from error
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _keyboard_interrupt(error: BaseException | None) -> KeyboardInterrupt:
    if error is None:
        return KeyboardInterrupt("the run had finished by then; its results are kept")
    found = KeyboardInterrupt(str(error))
    for note in getattr(error, "__notes__", ()):
        found.add_note(note)
    return found


@contextmanager
def _hearing(passed_on: Interrupts) -> Iterator[None]:
    """Pass SIGINT on, where this is the thread that hears it and nobody ignores it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGINT, passed_on.pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)


@contextmanager
def exits_are_failures() -> Iterator[None]:
    """``sys.exit`` in the block ends the run with an error, not the process without one.

    Raises:
        RunFailedError: naming the place that called it.
    """
    try:
        yield
    except SystemExit as error:
        raise exit_failure(error) from error


def exit_failure(error: SystemExit) -> RunFailedError:
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f"{place[0].filename}:{place[0].lineno} " if place else ""
    return RunFailedError(
        f"{where}{reason(error)} in the middle of the run",
        hint="raise an exception there; what is finished is kept, the same command resumes",
    )


def most_telling(group: BaseExceptionGroup[Any]) -> BaseException:
    """The error that ended a task group: the most telling of them, not the group."""
    leaves: list[BaseException] = []
    stack: list[BaseException] = [group]
    while stack:
        error = stack.pop()
        if isinstance(error, BaseExceptionGroup):
            stack.extend(error.exceptions)
        else:
            leaves.append(exit_failure(error) if isinstance(error, SystemExit) else error)
    telling = [e for e in leaves if not isinstance(e, TransientError)]
    return (telling or leaves)[0]
