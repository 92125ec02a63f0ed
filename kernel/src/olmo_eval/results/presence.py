"""Whether the workers of a ledger are alive, by their signs of life.

A worker writes a sign again and again, with a number that grows (``beat``). One that says that it
has ended is gone; so is one of this very machine whose lock the operating system has let go, since
it was killed; and one that has been silent for a while, by the clock of whoever waits. A process
that was only paused may be taken for gone: ledgers see to it that it does no harm when it wakes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from attrs import define, field

#: a worker says so often that it is alive, and is taken for gone when it was silent so long
BEAT_SECONDS = 10.0
SILENT_SECONDS = 60.0
#: for so long what was seen of a worker is not looked at again
LOOK_SECONDS = 1.0


@define
class _Seen:
    """The last sign of life of a worker, and when it was first seen, by this process's clock."""

    beat: int
    at: float
    looked: float
    told: Mapping[str, Any]


@define
class Presence:
    """Which workers are there, as this process sees it.

    - ``read`` gives what a worker wrote last, None where it wrote nothing (any more);
    - ``host`` is this machine, ``is_held`` whether the process of a worker on it is there (None:
      nobody can tell).
    """

    read: Callable[[str], bytes | None]
    host: str | None = None
    is_held: Callable[[str], bool | None] = lambda _: None
    _seen: dict[str, _Seen] = field(factory=dict)

    def is_gone(self, worker: str) -> bool:
        """Whether a worker has ended, was killed, or was silent for so long that it may have.

        Raises:
            OSError: its sign of life cannot be read.
        """
        now = time.monotonic()
        seen = self._seen.get(worker)
        if seen is None or now - seen.looked >= LOOK_SECONDS:
            told = self.told(worker)
            if told is None:
                return True
            beat = int(told.get("beat", 0))
            if seen is None or beat != seen.beat:
                seen = _Seen(beat, now, now, told)
            seen.looked, seen.told = now, told
            self._seen[worker] = seen
        if seen.told.get("ended"):
            return True
        here = self.host is not None and seen.told.get("host") == self.host
        if here and self.is_held(worker) is False:
            return True
        return now - seen.at >= SILENT_SECONDS

    def told(self, worker: str) -> dict[str, Any] | None:
        """What a worker said last of itself; None where it says nothing. Raises OSError."""
        content = self.read(worker)
        try:
            told = None if content is None else orjson.loads(content)
        except ValueError:
            return {}
        return told if told is None or isinstance(told, dict) else {}


def sign(beat: int, host: str | None, told: Mapping[str, Any]) -> bytes:
    """The ``beat``-th sign of life of a worker on ``host``, with what else it has to say."""
    return orjson.dumps({**told, "beat": beat, "host": host})
