"""Work that is the same for several episodes of a run, done once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import anyio

T = TypeVar("T")

#: results that are kept
_MOST = 1 << 16


class Shared:
    """Results by what they are made of. ``repeated`` counts those that did not have to be made."""

    def __init__(self) -> None:
        self.repeated = 0
        self._known: OrderedDict[str, Any] = OrderedDict()
        self._under_way: dict[str, anyio.Event] = {}

    async def get(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` gives, or has given to somebody who asked with the same ``key``.

        Whoever comes while it is being done waits. What failed is not kept: the next one does it
        again.
        """
        while (done := self._under_way.get(key)) is not None:
            await done.wait()
        if key in self._known:
            self.repeated += 1
            return cast(T, self._known[key])
        done = self._under_way[key] = anyio.Event()
        try:
            result = await work()
        finally:
            del self._under_way[key]
            done.set()
        self._known[key] = result
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return result
