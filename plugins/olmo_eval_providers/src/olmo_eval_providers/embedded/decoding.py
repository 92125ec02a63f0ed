"""Generation: many samples advance together, joining and leaving at any step."""

from __future__ import annotations

from collections import deque

import numpy as np

from olmo_eval_providers.embedded.kv_cache import SlotKVCache
from olmo_eval_providers.embedded.model import log_softmax
from olmo_eval_providers.embedded.prefix_cache import Encoded, PrefixCache
from olmo_eval_providers.embedded.token_sampling import draw_token
from olmo_eval_providers.embedded.weights import FloatArray
from olmo_eval_providers.local.sampling import Sample


class Decoder:
    """Advances up to ``slots`` samples a token at a time; the others wait their turn."""

    def __init__(self, prefixes: PrefixCache, slots: int) -> None:
        self._prefixes = prefixes
        self._model = prefixes.model
        self._slots = slots
        self._kv_cache = SlotKVCache(self._model.config, slots)
        self._active: list[Sample] = []
        self._waiting: deque[Sample] = deque()

    @property
    def busy(self) -> bool:
        return bool(self._active or self._waiting)

    def add(self, sample: Sample) -> None:
        self._waiting.append(sample)

    def discard(self, samples: list[Sample]) -> None:
        """Forget samples whose request was given up."""
        gone = set(map(id, samples))
        self._waiting = deque(s for s in self._waiting if id(s) not in gone)
        for slot in reversed(range(len(self._active))):
            if id(self._active[slot]) in gone:
                self._leave(slot)

    def step(self) -> None:
        """Let waiting samples join, then give every active one its next token."""
        self._admit()
        if not self._active:
            return
        positions = self._kv_cache.begin_step()
        tokens = np.array([sample.tokens[-1] for sample in self._active], np.int64)
        logits = self._model.logits(self._model.hidden(tokens, positions, self._kv_cache))
        for slot in reversed(range(len(self._active))):
            if _advance(self._active[slot], logits[slot]):
                self._leave(slot)

    def _admit(self) -> None:
        """Fill free slots; the first token of a sample comes from its encoded prompt."""
        encoded: Encoded | None = None
        prompt: tuple[int, ...] = ()
        while self._waiting and len(self._active) < self._slots:
            sample = self._waiting.popleft()
            if encoded is None or prompt != sample.prompt:
                encoded, prompt = self._prefixes.encode(sample.prompt), sample.prompt
            sample.cached_tokens = encoded.cached_tokens
            if not _advance(sample, encoded.logits):
                self._kv_cache.add(encoded.kv)
                self._active.append(sample)

    def _leave(self, slot: int) -> None:
        self._kv_cache.remove(slot, clear=self._active[slot].error is not None)
        self._active[slot] = self._active[-1]
        self._active.pop()


def _advance(sample: Sample, logits: FloatArray) -> bool:
    """Give ``sample`` its next token, from logits (vocabulary,); whether it has ended."""
    if not np.isfinite(logits.max()):  # NaN and infinity go through; -inf alone rules out
        sample.fail()
        return True
    if sample.params.greedy:
        token = int(logits.argmax())
    else:
        token = draw_token(logits, sample.params, sample.random.random())
    with_logprob = sample.params.logprobs is not None
    return sample.add(token, float(log_softmax(logits)[token]) if with_logprob else None)
