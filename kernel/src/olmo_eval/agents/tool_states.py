"""What the tools of one episode remember from call to call."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

_log = logging.getLogger("olmo_eval.agents")

#: seconds that ending one of them may take
_CLOSE_TIMEOUT = 30.0


class ToolStates:
    """States by what makes them, each made at its first use."""

    def __init__(self) -> None:
        self._made: dict[Callable[[], Any], Any] = {}

    def get(self, make: Callable[[], T]) -> T:
        """The state that ``make`` makes, or has made."""
        if make not in self._made:
            self._made[make] = make()
        state: T = self._made[make]
        return state

    async def close(self) -> None:
        """End them, the last one first, even while the run is being cancelled; what fails is
        reported and keeps no other from its end."""
        while self._made:
            _, state = self._made.popitem()
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_TIMEOUT) as scope:
                try:
                    await _close(state)
                except Exception as error:
                    _log.warning("closing %s of a tool failed: %s", type(state).__name__, error)
            if scope.cancelled_caught:
                _log.warning("closing %s of a tool took too long", type(state).__name__)


async def _close(state: Any) -> None:
    close = getattr(state, "close", None)
    ended = close() if callable(close) else None
    if inspect.isawaitable(ended):
        await ended
