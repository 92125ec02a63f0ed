"""Staying within what a service allows: rates, concurrency and cost."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from olmo_eval.errors import RunFailedError, TransientError
from olmo_eval_providers.openai_api.errors import OverloadError

_MINUTE = 60.0


class MinuteLimit:
    """At most ``limit`` units in any 60 seconds, first come, first served.

    None limits nothing. A unit is a request or a token; the amount asked for may be an estimate
    that ``correct`` puts right.
    """

    def __init__(self, limit: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._spent: deque[list[float]] = deque()  # [when, amount]
        self._turn = asyncio.Lock()

    async def take(self, amount: int = 1) -> list[float]:
        """Wait until ``amount`` fits (or, above the limit, nothing else is spent); spend it."""
        if self.limit is None:
            return [0.0, 0.0]
        async with self._turn:
            wait = self._wait(amount)
            while wait > 0:
                await asyncio.sleep(wait)
                wait = self._wait(amount)
            entry = [self._clock(), float(amount)]
            self._spent.append(entry)
            return entry

    def correct(self, entry: list[float], amount: int) -> None:
        """Say what ``take`` really spent."""
        entry[1] = float(amount)

    def _wait(self, amount: float) -> float:
        """Seconds until ``amount`` fits, 0 where it does now."""
        assert self.limit is not None
        now = self._clock()
        while self._spent and self._spent[0][0] <= now - _MINUTE:
            self._spent.popleft()
        excess = sum(spent for _, spent in self._spent) + amount - self.limit
        for when, spent in self._spent:
            if excess <= 0:
                return 0.0
            excess -= spent
            if excess <= 0:
                return max(when + _MINUTE - now, 0.001)
        return self._spent[-1][0] + _MINUTE - now if self._spent and excess > 0 else 0.0


class AdaptiveGate:
    """How many calls may be under way: more while all goes well, half when the service objects.

    Starts at ``start`` and doubles with every full round of successes up to the first overload
    (slow start); from then on grows by one a round. All calls of one round that fail together
    halve it once. ``most`` is the ceiling.
    """

    def __init__(
        self, most: int, start: int = 4, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = most
        self.limit = float(min(start, most))
        self.active = 0
        self.overloads = 0
        self._slow_start = True
        self._clock = clock
        self._halved_at = float("-inf")
        self._paused_until = float("-inf")
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Occupy one place while a call is under way, and learn from how it ends."""
        began = await self._enter()
        try:
            yield
        except TransientError as error:
            self._failed(error, began)
            raise
        else:
            self.limit = min(self.most, self.limit + (1 if self._slow_start else 1 / self.limit))
        finally:
            self.active -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _enter(self) -> float:
        async with self._changed:
            while self.active >= int(self.limit):
                await self._changed.wait()
            self.active += 1
        try:
            pause = self._paused_until - self._clock()
            while pause > 0:
                await asyncio.sleep(pause)
                pause = self._paused_until - self._clock()
        except BaseException:
            self.active -= 1
            raise
        return self._clock()

    def _failed(self, error: TransientError, began: float) -> None:
        if not isinstance(error, OverloadError):
            return
        self.overloads += 1
        now = self._clock()
        if error.retry_after:
            self._paused_until = max(self._paused_until, now + error.retry_after)
        if began > self._halved_at:  # calls that began before the last halving say nothing new
            self.limit = max(1.0, self.limit / 2)
            self._slow_start = False
            self._halved_at = now


class CostMeter:
    """What the run has cost, in USD, and the most it may."""

    def __init__(self, max_cost: float | None = None) -> None:
        self.max_cost = max_cost
        self.spent = 0.0
        self.unpriced = 0

    def add(self, cost: float | None) -> None:
        if cost is None:
            self.unpriced += 1
        else:
            self.spent += cost

    def check(self) -> None:
        """Raises RunFailedError once the limit is reached."""
        if self.max_cost is not None and self.spent >= self.max_cost:
            raise RunFailedError(
                f"stopped at max_cost: {self.spent:.4f} of {self.max_cost:g} USD are spent",
                hint="what is finished is kept; raise max_cost and rerun the same command to go on",
            )
