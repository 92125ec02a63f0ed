"""How long a stage of a run was at work."""

from __future__ import annotations

import time


class Clock:
    """Seconds during which at least one piece of work was in flight, and until the first was done.

    What is left of a run's time when the engine's is taken away is the workbench's own.
    """

    def __init__(self) -> None:
        self.busy = 0.0
        self.first_result: float | None = None
        self.done = 0
        self._began = time.perf_counter()
        self._in_flight = 0
        self._since = 0.0

    def enter(self) -> None:
        if self._in_flight == 0:
            self._since = time.perf_counter()
        self._in_flight += 1

    def leave(self) -> None:
        self._in_flight -= 1
        self.done += 1
        if self.first_result is None:
            self.first_result = time.perf_counter() - self._began
        if self._in_flight == 0:
            self.busy += time.perf_counter() - self._since
