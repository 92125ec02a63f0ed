"""Time limits for code that may never return: scorers, extraction, metrics.

On the main thread the operating system's alarm interrupts the code, a regular expression that
backtracks without end included; that costs next to nothing. Elsewhere (scorers that are
``cpu_bound``, runs in a thread of a notebook) the code runs in a helper thread: an exception is
thrown into it when its time is over and, where that does not end it, the thread is left behind
and the run goes on. What no thread can be stopped in is one C call that keeps the interpreter to
itself, such as a regular expression in a ``cpu_bound`` scorer.

Code that ends the process (``sys.exit``) ends its own call and nothing else.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import math
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio

from olmo_eval.common.scorers import Scorer
from olmo_eval.errors import OlmoEvalError

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
        super().__init__(exit_text(error))


def exit_text(error: BaseException) -> str:
    """``called sys.exit(3)``, or the name of another exception that is no ``Exception``."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)})"
    return f"raised {type(error).__name__}: {error}".rstrip(": ")


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
        self._helpers = anyio.CapacityLimiter(_HELPERS)
        self._one = anyio.CapacityLimiter(1)

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
            return await self._in_helper(self._one, seconds, function, arguments)
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
        limiter = self._helpers if self.alarmed else self._one
        return await self._in_helper(limiter, seconds, function, arguments)

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

    async def _in_helper(
        self,
        limiter: anyio.CapacityLimiter,
        seconds: float,
        function: Callable[..., T],
        arguments: tuple[Any, ...],
    ) -> T:
        async with limiter:
            helper = _Helper(function, arguments)
            with anyio.move_on_after(seconds):
                result: T = await helper.result()
                return result
            throw_into(helper.thread, _Stop)
            with anyio.move_on_after(_GRACE):
                await helper.ended()
            raise OutOfTimeError(seconds)

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
    """One call in a thread of its own, which ends with the process if it never ends."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[tuple[Any, BaseException | None]]
        self._outcome = self._loop.create_future()
        context = contextvars.copy_context()
        self.thread = threading.Thread(
            target=context.run,
            args=(self._work, function, arguments),
            name="olmo-eval scoring",
            daemon=True,
        )
        self.thread.start()

    def _work(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            outcome: tuple[Any, BaseException | None] = function(*arguments), None
        except BaseException as error:
            outcome = None, error
        try:
            self._loop.call_soon_threadsafe(self._report, outcome)
        except RuntimeError:
            return  # the run is over and its event loop closed

    def _report(self, outcome: tuple[Any, BaseException | None]) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    async def result(self) -> Any:
        value, error = await asyncio.shield(self._outcome)
        if error is None:
            return value
        raise error if isinstance(error, Exception) else EscapedError(error)

    async def ended(self) -> None:
        await asyncio.shield(self._outcome)


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
    if not limits.alarmed:
        yield limits
        return
    signal.signal(signal.SIGALRM, limits.ring)
    try:
        yield limits
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def throw_into(thread: threading.Thread, error: type[BaseException]) -> None:
    """Raise ``error`` in another thread, at the next instruction it interprets."""
    if thread.ident is not None:
        place = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(place, ctypes.py_object(error))
