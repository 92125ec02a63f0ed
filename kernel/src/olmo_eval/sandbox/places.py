"""Places for environments: how many there may be at once, handed out in order of arrival."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio

from olmo_eval.sandbox.backend import SandboxError

if TYPE_CHECKING:
    from olmo_eval.sandbox.pool import Pool


class Places:
    """At most ``total`` places; whoever needs several gets them at once.

    Those who wait are served strictly in order, so that a large request is never overtaken for
    ever by small ones. Places may be given back by another task than the one that took them.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @property
    def load(self) -> float:
        """Share of the places in use; above 1 where somebody waits."""
        wanted = sum(count for count, _ in self._waiting)
        return (self.total - self._free + wanted) / self.total

    async def take(self, count: int) -> None:
        """Wait until ``count`` places are free, and take them."""
        if not self._waiting and count <= self._free:
            self._free -= count
            return
        waiter = (count, anyio.Event())
        self._waiting.append(waiter)
        try:
            await waiter[1].wait()
        except BaseException:  # cancelled
            if waiter[1].is_set():
                self.give_back(count)
            else:
                self._waiting.remove(waiter)
                self._serve()
            raise

    def give_back(self, count: int) -> None:
        self._free += count
        self._serve()

    def grow(self, total: int) -> None:
        """Have ``total`` places from now on, where there are fewer."""
        more = max(0, total - self.total)
        self.total += more
        self.give_back(more)

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            count, event = self._waiting.popleft()
            self._free -= count
            event.set()


class Reservation:
    """The places that one instance needs, taken all together when the first is needed.

    ``wanted`` says how many of which pool, in the planner's order. Everybody takes places in that
    order and asks for no more afterwards, so two instances never wait for each other.
    """

    def __init__(self, wanted: Sequence[tuple[Pool, int]]) -> None:
        self._wanted = wanted
        self._held: list[tuple[Pool, int]] = []
        self._lock = anyio.Lock()
        self._taken = self._closed = False

    async def take(self) -> None:
        """Take every place; at once where that was done before.

        Raises:
            SandboxError: it needs more places than there can be, or was given back.
        """
        async with self._lock:
            if self._closed:
                raise SandboxError("the episode is over: its sandboxes are closed")
            if self._taken:
                return
            for pool, count in self._wanted:
                pool.refuse_more_than_there_are(count)
            for pool, count in self._wanted:
                await pool.places.take(count)
                self._held.append((pool, count))
            self._taken = True

    def give_back(self) -> None:
        """Give back what is held. Nothing can be taken afterwards."""
        self._closed = True
        held, self._held = self._held, []
        for pool, count in held:
            pool.places.give_back(count)
