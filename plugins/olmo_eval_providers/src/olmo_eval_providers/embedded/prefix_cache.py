"""Encoded prefixes that later requests may share: a small cache of keys and values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from attrs import define, field, frozen

from olmo_eval_providers.embedded.kv_cache import PrefixMemory, empty_prefix
from olmo_eval_providers.embedded.model import Llama
from olmo_eval_providers.embedded.weights import FloatArray

# Longer stretches are encoded piece by piece, which bounds the memory for attention scores.
PIECE = 256


@frozen(eq=False)
class Encoded:
    """An encoded context.

    - ``memory``: keys and values, see ``kv_cache.py``;
    - ``logits``: of the next token, (vocabulary,);
    - ``reused``: how many of its tokens came from the cache.
    """

    memory: FloatArray
    logits: FloatArray
    reused: int


@define
class PrefixCache:
    """The most recently used contexts, up to ``max_bytes`` of keys and values.

    A new context starts from the longest beginning it has in common with a kept one, so the
    shots that a task's questions share are encoded once.
    """

    model: Llama
    max_bytes: int = 64 * 2**20
    _kept: OrderedDict[tuple[int, ...], FloatArray] = field(factory=OrderedDict, init=False)
    _bytes: int = field(default=0, init=False)

    def encode(self, tokens: Sequence[int]) -> Encoded:
        """Keys, values and next-token logits of a context of at least one token."""
        key = tuple(tokens)
        memory = self._longest_shared(key)
        reused = memory.shape[3]
        hidden = np.zeros((0, 0), np.float32)
        for start in range(reused, len(key), PIECE):
            piece = np.array(key[start : start + PIECE], np.int64)
            stretch = PrefixMemory(self.model.config, memory, rows=1, length=len(piece))
            positions = np.arange(start, start + len(piece))
            hidden = self.model.hidden(piece, positions, stretch)
            memory = stretch.extended()
        logits = self.model.logits(hidden[-1:])[0]
        # NaN goes through the causal mask to the tokens before it, which others may begin with
        if np.isfinite(logits.max()):
            self._keep(key, memory)
        return Encoded(memory, logits, reused)

    def _longest_shared(self, key: tuple[int, ...]) -> FloatArray:
        """Keys and values of the longest known beginning, one token short of all of ``key``.

        The last token is always computed, because its hidden state gives the next token.
        """
        best, match = 0, None
        for kept in self._kept:
            shared = common_length(kept, key[:-1], at_least=best)
            if shared > best:
                best, match = shared, kept
        if match is None:
            return empty_prefix(self.model.config)
        self._kept.move_to_end(match)
        return self._kept[match][:, :, :, :best]

    def _keep(self, key: tuple[int, ...], memory: FloatArray) -> None:
        if key in self._kept:
            self._kept.move_to_end(key)
            return
        self._kept[key] = memory
        self._bytes += memory.nbytes
        while self._bytes > self.max_bytes and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes


def common_length(a: Sequence[int], b: Sequence[int], at_least: int = 0) -> int:
    """Length of the common beginning of two sequences; 0 where it is not above ``at_least``."""
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
