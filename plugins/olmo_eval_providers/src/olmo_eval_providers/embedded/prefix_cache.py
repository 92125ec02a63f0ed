"""Encoded prefixes that later requests may share: a small cache of keys and values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import define, field, frozen

from olmo_eval_providers.embedded.kv_cache import SharedPrefixKVCache, empty_kv
from olmo_eval_providers.embedded.model import Llama
from olmo_eval_providers.embedded.weights import FloatArray
from olmo_eval_providers.local.prefixes import PrefixStore

# Longer prompts are encoded chunk by chunk, which bounds the memory for attention scores.
CHUNK_TOKENS = 256


@frozen(eq=False)
class Encoded:
    """An encoded context.

    - ``kv``: keys and values, see ``kv_cache.py``;
    - ``logits``: of the next token, (vocabulary,);
    - ``cached_tokens``: how many of its tokens came from the cache.
    """

    kv: FloatArray
    logits: FloatArray
    cached_tokens: int


def _bytes(kv: FloatArray) -> int:
    return kv.nbytes


@define
class PrefixCache:
    """The most recently used contexts, up to ``max_bytes`` of keys and values.

    A new context starts from the longest prefix it has in common with one of them, so the shots
    that a task's questions share are encoded once.
    """

    model: Llama
    max_bytes: int = 64 * 2**20
    store: PrefixStore[FloatArray] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.store = PrefixStore(self.max_bytes, _bytes)

    def encode(self, tokens: Sequence[int]) -> Encoded:
        """Keys, values and next-token logits of a context of at least one token."""
        context = tuple(tokens)
        kv = self._longest_prefix(context)
        cached_tokens = kv.shape[3]
        hidden = np.zeros((0, 0), np.float32)
        for start in range(cached_tokens, len(context), CHUNK_TOKENS):
            chunk = np.array(context[start : start + CHUNK_TOKENS], np.int64)
            cache = SharedPrefixKVCache(self.model.config, kv, rows=1, length=len(chunk))
            positions = np.arange(start, start + len(chunk))
            hidden = self.model.hidden(chunk, positions, cache)
            kv = cache.extended()
        logits = self.model.logits(hidden[-1:])[0]
        # NaN goes through the causal mask to the tokens before it, which others may begin with
        if np.isfinite(logits.max()):
            self.store.add(context, kv)
        return Encoded(kv, logits, cached_tokens)

    def _longest_prefix(self, context: tuple[int, ...]) -> FloatArray:
        """Keys and values of the longest known prefix, one token short of all of ``context``.

        The last token is always computed, because its hidden state gives the next token.
        """
        match = self.store.longest(context[:-1])
        if match is None:
            return empty_kv(self.model.config)
        length, kv = match
        return kv[:, :, :, :length]
