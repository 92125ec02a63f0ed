"""The two KV caches: rows that share one prefix, and slots that decode side by side.

Keys and values of a finished stretch of tokens are one array ``(layers, 2, kv_heads, tokens,
head_dim)``; index 0 of the second axis is keys, 1 is values.
"""

from __future__ import annotations

import numpy as np

from olmo_eval_providers.embedded.config import LlamaConfig
from olmo_eval_providers.embedded.weights import FloatArray, IntArray

_NEVER = np.float32(-np.inf)


def empty_kv(config: LlamaConfig) -> FloatArray:
    """Keys and values of no tokens."""
    shape = (config.num_layers, 2, config.num_kv_heads, 0, config.head_dim)
    return np.zeros(shape, np.float32)


class SharedPrefixKVCache:
    """``rows`` rows of ``length`` tokens, each a separate continuation of one shared prefix.

    Tokens are given row by row. A row sees the whole prefix and its own earlier tokens, never
    another row; padding at a row's end is harmless for the same reason.
    """

    def __init__(self, config: LlamaConfig, prefix: FloatArray, rows: int, length: int) -> None:
        self._prefix = prefix
        self._rows, self._length = rows, length
        self._kv_heads = config.num_kv_heads
        self._group = config.num_heads // config.num_kv_heads
        self._scale = np.float32(config.head_dim**-0.5)
        self._added: list[FloatArray] = []
        future = np.triu(np.full((length, length), _NEVER), k=1)
        # Queries of one kv head lie token by token, its query heads side by side.
        self._mask = np.repeat(future, self._group, axis=0)

    def attend(
        self, layer: int, query: FloatArray, key: FloatArray, value: FloatArray
    ) -> FloatArray:
        own = np.stack([self._by_head(key), self._by_head(value)])
        self._added.append(own)
        queries = self._by_head(query) * self._scale
        shape = queries.shape  # (kv_heads, rows, length * group, head_dim)
        past_keys, past_values = self._prefix[layer]
        flat = queries.reshape(self._kv_heads, -1, shape[-1])
        past = (flat @ past_keys.swapaxes(-1, -2)).reshape(*shape[:-1], past_keys.shape[1])
        recent = queries @ own[0].swapaxes(-1, -2) + self._mask
        highest = recent.max(axis=-1, keepdims=True)
        if past.shape[-1]:
            highest = np.maximum(highest, past.max(axis=-1, keepdims=True))
        past, recent = np.exp(past - highest), np.exp(recent - highest)
        total = past.sum(axis=-1, keepdims=True) + recent.sum(axis=-1, keepdims=True)
        mixed = (past.reshape(*flat.shape[:-1], -1) @ past_values).reshape(shape)
        return self._by_token((mixed + recent @ own[1]) / total)

    def _by_head(self, x: FloatArray) -> FloatArray:
        """(tokens, heads, head_dim) -> (kv_heads, rows, length * heads / kv_heads, head_dim)."""
        parts = x.reshape(self._rows, self._length, self._kv_heads, -1, x.shape[-1])
        return parts.transpose(2, 0, 1, 3, 4).reshape(self._kv_heads, self._rows, -1, x.shape[-1])

    def _by_token(self, x: FloatArray) -> FloatArray:
        """The inverse for query heads: -> (tokens, heads * head_dim)."""
        parts = x.reshape(self._kv_heads, self._rows, self._length, self._group, x.shape[-1])
        return parts.transpose(1, 2, 0, 3, 4).reshape(self._rows * self._length, -1)

    def extended(self) -> FloatArray:
        """The prefix followed by the one row that was added to it."""
        added = np.stack(self._added)[:, :, :, 0]
        return np.concatenate([self._prefix, added], axis=3)


class SlotKVCache:
    """Sequences of different lengths that each grow by one token a step.

    The first ``count`` slots are in use: a finished sequence's slot is filled with the last one,
    so that a step always works on one unbroken slice.
    """

    def __init__(self, config: LlamaConfig, slots: int) -> None:
        self._config = config
        self._group = config.num_heads // config.num_kv_heads
        self._scale = np.float32(config.head_dim**-0.5)
        self._lengths = np.zeros(slots, np.int64)
        self._kv = self._allocate(slots, 128)
        self.count = 0

    @property
    def lengths(self) -> IntArray:
        """Tokens kept in each slot in use, (count,)."""
        return self._lengths[: self.count]

    def _allocate(self, slots: int, capacity: int) -> FloatArray:
        c = self._config
        shape = (c.num_layers, 2, slots, c.num_kv_heads, capacity, c.head_dim)
        return np.zeros(shape, np.float32)

    def _reserve(self, tokens: int) -> None:
        slots, capacity = self._kv.shape[2], self._kv.shape[4]
        if tokens > capacity:
            enlarged = min(max(tokens, 2 * capacity), self._config.max_length)
            larger = self._allocate(slots, enlarged)
            larger[..., :capacity, :] = self._kv
            self._kv = larger

    def add(self, prefix: FloatArray) -> None:
        """Start a sequence after ``prefix``, in slot ``count``."""
        length = prefix.shape[3]
        self._reserve(length + 1)
        self._kv[:, :, self.count, :, :length] = prefix
        self._lengths[self.count] = length
        self.count += 1

    def remove(self, slot: int, *, clear: bool = False) -> None:
        """End the sequence in ``slot``; the last sequence moves there. ``clear`` what it leaves
        behind where that may be NaN, which no mask keeps from a sequence that comes after it."""
        if clear:
            self._kv[:, :, slot] = 0.0
        last = self.count - 1
        if slot != last:
            length = self._lengths[last]
            self._kv[:, :, slot, :, :length] = self._kv[:, :, last, :, :length]
            self._lengths[slot] = length
        self.count = last

    def begin_step(self) -> IntArray:
        """Make room for one more token everywhere; its position in each slot, (count,)."""
        positions = self.lengths.copy()
        self._reserve(int(positions.max()) + 1)
        self._lengths[: self.count] += 1
        columns = np.arange(int(positions.max()) + 1)
        self._mask = np.where(columns <= positions[:, None], np.float32(0), _NEVER)
        return positions

    def attend(
        self, layer: int, query: FloatArray, key: FloatArray, value: FloatArray
    ) -> FloatArray:
        n, width = self._mask.shape
        where = (np.arange(n), slice(None), self.lengths - 1)
        keys, values = self._kv[layer, :, :n]
        keys[where], values[where] = key, value
        # (slots, kv_heads, group, head_dim) against (slots, kv_heads, width, head_dim)
        queries = query.reshape(n, -1, self._group, query.shape[-1]) * self._scale
        scores = queries @ keys[:, :, :width].swapaxes(-1, -2) + self._mask[:, None, None]
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed: FloatArray = weights @ values[:, :, :width]
        return mixed.reshape(n, -1)
