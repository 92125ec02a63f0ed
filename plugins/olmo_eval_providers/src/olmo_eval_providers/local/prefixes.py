"""What token sequences begin with together, and the encoded prefixes worth keeping."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from attrs import define, field

T = TypeVar("T")


def common_prefix_length(a: Sequence[int], b: Sequence[int], at_least: int = 0) -> int:
    """Length of the common prefix of two sequences; 0 where it is not above ``at_least``."""
    end = min(len(a), len(b))
    if end <= at_least or a[: at_least + 1] != b[: at_least + 1]:
        return 0
    if a[:end] == b[:end]:
        return end
    low, high = at_least + 1, end  # a[:low] == b[:low] and a[:high] != b[:high]
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


@define
class PrefixStore(Generic[T]):
    """The most recently used token sequences with what they are encoded as, up to ``max_bytes``.

    ``size`` gives the bytes of an encoding. The newest is kept whatever its size.
    """

    max_bytes: int
    size: Callable[[T], int]
    _entries: OrderedDict[tuple[int, ...], T] = field(factory=OrderedDict, init=False)
    _bytes: int = field(default=0, init=False)

    def shared_length(self, tokens: Sequence[int]) -> int:
        """How many of the first ``tokens`` are the beginning of an entry."""
        return max((common_prefix_length(entry, tokens) for entry in self._entries), default=0)

    def longest(self, tokens: Sequence[int]) -> tuple[int, T] | None:
        """The entry that shares the longest prefix with ``tokens``, and the length of that; None
        where nothing is shared."""
        best, match = 0, None
        for entry in self._entries:
            shared = common_prefix_length(entry, tokens, at_least=best)
            if shared > best:
                best, match = shared, entry
        if match is None:
            return None
        self._entries.move_to_end(match)
        return best, self._entries[match]

    def add(self, tokens: tuple[int, ...], encoding: T) -> None:
        """Keep ``encoding``; drops what was used longest ago where there is too much."""
        if tokens in self._entries:
            self._entries.move_to_end(tokens)
            return
        self._entries[tokens] = encoding
        self._bytes += self.size(encoding)
        while self._bytes > self.max_bytes and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self._bytes -= self.size(dropped)

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0
