"""Time limits for code that may never return: scorers, extraction, metrics.

On the main thread the operating system's alarm interrupts the code, a regular expression that
backtracks without end included; that costs next to nothing. Elsewhere (runs in a thread of a
notebook, ``cpu_bound`` scorers that cannot be sent to a worker process) the code runs in a helper
thread: when its time is over, an exception is thrown into it, the thread is left behind whether
that ends it or not, and the run goes on. What no thread can be stopped in is one C call that keeps
the interpreter to itself, such as a regular expression.

Code that ends the process (``sys.exit``) ends its own call and nothing else.
"""

from __future__ import annotations

import contextvars
import ctypes
import math
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from olmo_eval.common.scorers import Scorer
from olmo_eval.errors import OlmoEvalError
from olmo_eval.faults import reason

T = TypeVar("T")

#: seconds that code has to end once it was told to
_GRACE = 1.0
#: helper threads at once; they share one interpreter, so more would not be quicker
_HELPERS = 40


class OutOfTimeError(OlmoEvalError):
    """The code was still running when its time was over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"took longer than {seconds:g} s",
            hint="the harness's scoring_timeout=SECONDS or the scorer's time_limit allow more",
        )


class EscapedError(OlmoEvalError):
    """The code raised what is meant to end a process or a task, such as SystemExit."""

    def __init__(self, error: BaseException) -> None:
        said = reason(error)
        super().__init__(said if isinstance(error, SystemExit) else f"raised {said}")


class _Stop(BaseException):
    """Thrown into code whose time is over; ``except Exception`` does not keep it."""


class TimeLimits:
    """Calls code with a limit to its time; made by ``time_limits`` in the thread of the run.

    The alarm is set anew only when it rings or when an earlier one is needed, so that a call costs
    a look at the clock.
    """

    def __init__(self, alarm: bool, override: float | None = None) -> None:
        self.alarmed = alarm
        self._override = override
        self._deadline = math.inf
        self._rings = math.inf
        self._limiter = anyio.CapacityLimiter(_HELPERS)
        self._idle: list[_Helper] = []

    def seconds(self, scorer: Scorer | type[Scorer] = Scorer) -> float:
        """How long ``scorer`` may take; of no scorer: how long an extraction may."""
        return self._override or scorer.time_limit

    async def call(self, seconds: float, function: Callable[..., T], *arguments: Any) -> T:
        """``function(*arguments)``, called here where an alarm can interrupt it.

        Raises:
            OutOfTimeError: it did not end in ``seconds``. EscapedError: it raised SystemExit or
                another exception that is no ``Exception``. KeyboardInterrupt: Ctrl-C.
        """
        if not self.alarmed:
            return self._call_in(self._helper(), seconds, function, arguments)
        deadline = self._deadline = time.monotonic() + seconds
        if deadline < self._rings:
            self._set(deadline)
        try:
            try:
                return function(*arguments)
            finally:
                self._deadline = math.inf
        except _Stop:
            self._deadline = math.inf
            raise OutOfTimeError(seconds) from None
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise EscapedError(error) from error
        finally:
            if signal.getitimer(signal.ITIMER_REAL)[0] == 0.0:  # the code used the alarm itself
                signal.signal(signal.SIGALRM, self.ring)
                self._rings = math.inf

    async def call_in_thread(
        self, seconds: float, function: Callable[..., T], *arguments: Any
    ) -> T:
        """``call``, off the event loop."""
        helper = self._helper()
        try:
            return await anyio.to_thread.run_sync(
                self._call_in,
                helper,
                seconds,
                function,
                arguments,
                abandon_on_cancel=True,
                limiter=self._limiter,
            )
        except anyio.get_cancelled_exc_class():
            helper.stop()
            raise

    async def wait(self, seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
        """``await coroutine``, cancelled when its time is over.

        Raises:
            OutOfTimeError, EscapedError: as for ``call``.
        """
        try:
            with anyio.move_on_after(seconds):
                return await coroutine
        except (Exception, KeyboardInterrupt, GeneratorExit, anyio.get_cancelled_exc_class()):
            raise
        except BaseException as error:
            raise EscapedError(error) from error
        raise OutOfTimeError(seconds)

    # -- the helpers

    def _helper(self) -> _Helper:
        try:
            return self._idle.pop()
        except IndexError:
            return _Helper()

    def _call_in(
        self,
        helper: _Helper,
        seconds: float,
        function: Callable[..., T],
        arguments: tuple[Any, ...],
    ) -> T:
        try:
            return helper.call(seconds, function, arguments)
        except OutOfTimeError:
            helper = _Helper()  # in its place
            raise
        finally:
            self._idle.append(helper)

    def close(self) -> None:
        """End the helpers that nothing occupies."""
        for helper in self._idle:
            helper.close()

    # -- the alarm

    def _set(self, when: float) -> None:
        self._rings = when
        left = when - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0 if left == math.inf else max(left, 1e-3))

    def ring(self, _number: int, _frame: Any) -> None:
        """The alarm's handler: stops the code if its time is over, else waits on."""
        if self._deadline > time.monotonic():
            self._set(self._deadline)
            return
        self._set(time.monotonic() + _GRACE)  # rings again where the code keeps the exception
        raise _Stop


class _Helper:
    """A thread for calls that may never return; the process does not wait for it."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._replies: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="olmo-eval scoring", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for call in iter(self._calls.get, None):
                try:
                    reply: tuple[Any, BaseException | None] = call(), None
                except BaseException as error:
                    reply = None, error
                self._replies.put(reply)
        except _Stop:
            return  # thrown when the call had just ended

    def call(self, seconds: float, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """Blocks until the function returns or its time is over; then the helper is done for."""
        self._calls.put(partial(contextvars.copy_context().run, function, *arguments))
        try:
            value, error = self._replies.get(timeout=None if seconds == math.inf else seconds)
        except Empty:
            self.stop()
            raise OutOfTimeError(seconds) from None
        if error is not None:
            raise error if isinstance(error, Exception) else EscapedError(error)
        result: T = value
        return result

    def stop(self) -> None:
        """Ends it with its call, if that can be interrupted; who waits for it waits no more."""
        throw_into(self._thread, _Stop)
        self._replies.put((None, _Stop()))
        self.close()

    def close(self) -> None:
        """Ends it after its call."""
        self._calls.put(None)


@contextmanager
def time_limits(override: float | None = None) -> Iterator[TimeLimits]:
    """Time limits for the code that this thread's event loop calls; ``override`` seconds for
    everything, where it is given.

    The alarm is used on the main thread, unless somebody else uses it.
    """
    main = threading.current_thread() is threading.main_thread()
    free = main and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    free = free and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    limits = TimeLimits(free, override)
    if limits.alarmed:
        signal.signal(signal.SIGALRM, limits.ring)
    try:
        yield limits
    finally:
        if limits.alarmed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        limits.close()


def throw_into(thread: threading.Thread, error: type[BaseException]) -> None:
    """Raise ``error`` in another thread, at the next instruction it interprets."""
    if thread.ident is not None and thread.is_alive():
        place = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(place, ctypes.py_object(error))
