"""Keys and values as plain tensors, and the prefixes worth keeping.

transformers' cache objects change their methods between versions; what stays is that each layer
holds ``keys`` and ``values`` of shape (batch, heads, tokens, width).
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from olmo_eval_providers.embedded.prefix_cache import common_length
from olmo_eval_providers.hf.loading import LoadedModel

#: tokens by which a growing layer is enlarged
_ROOM = 64

#: one (keys, values) pair a layer
KV = list[tuple[Any, Any]]


def read(cache: Any) -> KV:
    """The tensors of a transformers cache."""
    return [(layer.keys, layer.values) for layer in cache.layers]


def write(kv: KV, *, room: bool = False) -> Any:
    """A new transformers cache that holds ``kv`` without copying it.

    With ``room`` its layers grow in steps instead of being copied at every token.
    """
    from transformers import DynamicCache

    cache = DynamicCache()
    for index, (keys, values) in enumerate(kv):
        cache.update(keys[:, :, :0], values[:, :, :0], index)  # makes the layer
        if room:
            cache.layers[index].__class__ = _roomy_layer()
        cache.layers[index].keys, cache.layers[index].values = keys, values
    return cache


@functools.cache
def _roomy_layer() -> type:
    """A layer whose tensors are views of larger buffers; appending writes into the room left."""
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):  # type: ignore[misc]
        keys: Any
        values: Any
        buffers: tuple[Any, Any] | None = None

        def update(self, keys: Any, values: Any, *_args: Any, **_kwargs: Any) -> tuple[Any, Any]:
            begin, end = self.keys.shape[2], self.keys.shape[2] + keys.shape[2]
            if self.buffers is None or self.buffers[0].shape[2] < end:
                self.buffers = (_enlarged(self.keys, end), _enlarged(self.values, end))
            for buffer, new in zip(self.buffers, (keys, values), strict=True):
                buffer[:, :, begin:end] = new
            self.keys, self.values = (buffer[:, :, :end] for buffer in self.buffers)
            return self.keys, self.values

    return RoomyLayer


def _enlarged(tensor: Any, needed: int) -> Any:
    batch, heads, length, width = tensor.shape
    buffer = tensor.new_empty((batch, heads, needed + _ROOM, width))
    buffer[:, :, :length] = tensor
    return buffer


def cut(kv: KV, begin: int, end: int | None) -> KV:
    """The tokens ``begin:end`` of every layer, as views."""
    return [(keys[:, :, begin:end], values[:, :, begin:end]) for keys, values in kv]


def repeat(kv: KV, count: int) -> KV:
    """A batch of one as ``count`` rows, as views."""
    return [(k.expand(count, -1, -1, -1), v.expand(count, -1, -1, -1)) for k, v in kv]


def size(kv: KV) -> int:
    """Bytes."""
    return sum(t.numel() * t.element_size() for pair in kv for t in pair)


@define
class PrefixCache:
    """Encoded beginnings, the most recently used up to ``max_bytes``.

    ``reused`` counts tokens that were not encoded again.
    """

    loaded: LoadedModel
    max_bytes: int
    reused: int = 0
    _kept: OrderedDict[tuple[int, ...], KV] = field(factory=OrderedDict, init=False)

    def known(self, tokens: tuple[int, ...]) -> int:
        """How many of the first ``tokens`` are encoded already."""
        return max((common_length(kept, tokens) for kept in self._kept), default=0)

    def encode(self, tokens: Sequence[int], step: int) -> tuple[KV, int]:
        """Keys and values of ``tokens`` (a batch of one), and how many of them were known.

        ``step`` is the most tokens of one forward pass.
        """
        key = tuple(tokens)
        if not key:
            return [], 0
        known, kv = self._longest(key)
        for begin in range(known, len(key), step):
            kv = self._extend(kv, key[begin : begin + step])
        # NaN goes through the causal mask to the tokens before it, which others may begin with
        if known < len(key) and bool(kv[-1][1].isfinite().all()):
            self._keep(key, kv)
        self.reused += known
        return kv, known

    def _extend(self, kv: KV, tokens: Sequence[int]) -> KV:
        loaded = self.loaded
        ids = loaded.torch.tensor([tokens], device=loaded.device)
        past = write(kv) if kv else None
        out = loaded.model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        return read(out.past_key_values)

    def _longest(self, key: tuple[int, ...]) -> tuple[int, KV]:
        best, match = 0, None
        for kept in self._kept:
            shared = common_length(kept, key, at_least=best)
            if shared > best:
                best, match = shared, kept
        if match is None:
            return 0, []
        self._kept.move_to_end(match)
        kv = self._kept[match]
        return best, kv if best == len(match) else cut(kv, 0, best)

    def _keep(self, key: tuple[int, ...], kv: KV) -> None:
        self._kept[key] = kv
        while sum(map(size, self._kept.values())) > self.max_bytes and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()
