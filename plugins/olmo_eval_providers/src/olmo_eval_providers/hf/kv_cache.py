"""Keys and values as plain tensors, and the prefixes worth keeping.

transformers' cache objects change their methods between versions; what stays is that each layer
holds ``keys`` and ``values`` of shape (batch, heads, tokens, width).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.local.prefixes import PrefixStore

#: tokens by which the buffers of a growing layer are enlarged
_GROWTH = 64

#: one (keys, values) pair a layer
KV = list[tuple[Any, Any]]


def read(cache: Any) -> KV:
    """The tensors of a transformers cache."""
    return [(layer.keys, layer.values) for layer in cache.layers]


def write(kv: KV, *, growing: bool = False) -> Any:
    """A new transformers cache that holds ``kv`` without copying it.

    With ``growing`` its layers are enlarged in steps instead of being copied at every token.
    """
    from transformers import DynamicCache

    cache = DynamicCache()
    for index, (keys, values) in enumerate(kv):
        cache.update(keys[:, :, :0], values[:, :, :0], index)  # makes the layer
        if growing:
            cache.layers[index].__class__ = _buffered_layer()
        cache.layers[index].keys, cache.layers[index].values = keys, values
    return cache


@functools.cache
def _buffered_layer() -> type:
    """A layer whose tensors are views of larger buffers; appending writes into
    what is left of them."""
    from transformers.cache_utils import DynamicLayer

    class BufferedLayer(DynamicLayer):  # type: ignore[misc]
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

    return BufferedLayer


def _enlarged(tensor: Any, needed: int) -> Any:
    batch, heads, length, width = tensor.shape
    buffer = tensor.new_empty((batch, heads, needed + _GROWTH, width))
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
    """Encoded prefixes, the most recently used up to ``max_bytes``.

    ``cached_tokens`` counts tokens that were not encoded again.
    """

    loaded: LoadedModel
    max_bytes: int
    cached_tokens: int = 0
    store: PrefixStore[KV] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.store = PrefixStore(self.max_bytes, size)

    def encode(self, tokens: Sequence[int], step: int) -> tuple[KV, int]:
        """Keys and values of ``tokens`` (a batch of one), and how many of them were cached.

        ``step`` is the most tokens of one forward pass.
        """
        prefix = tuple(tokens)
        if not prefix:
            return [], 0
        cached, kv = self._longest(prefix)
        for begin in range(cached, len(prefix), step):
            kv = self._extend(kv, prefix[begin : begin + step])
        # NaN goes through the causal mask to the tokens before it, which others may begin with
        if cached < len(prefix) and bool(kv[-1][1].isfinite().all()):
            self.store.add(prefix, kv)
        self.cached_tokens += cached
        return kv, cached

    def _extend(self, kv: KV, tokens: Sequence[int]) -> KV:
        loaded = self.loaded
        ids = loaded.torch.tensor([tokens], device=loaded.device)
        past = write(kv) if kv else None
        out = loaded.model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        return read(out.past_key_values)

    def _longest(self, prefix: tuple[int, ...]) -> tuple[int, KV]:
        match = self.store.longest(prefix)
        if match is None:
            return 0, []
        length, kv = match
        return length, cut(kv, 0, length)
