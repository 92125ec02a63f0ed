"""Generation: many samples advance together, joining and leaving at any step."""

from __future__ import annotations

from collections import deque

import numpy as np
from attrs import define, field

from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import NonFiniteError
from olmo_eval.providers.tokenizer import ModelTokenizer
from olmo_eval_providers.embedded.kv_cache import SlotMemory
from olmo_eval_providers.embedded.model import log_softmax
from olmo_eval_providers.embedded.prefix_cache import Encoded, PrefixCache
from olmo_eval_providers.embedded.token_sampling import Sampler
from olmo_eval_providers.embedded.weights import FloatArray
from olmo_eval_providers.local.outputs import not_finite


@define(eq=False)
class Sample:
    """One sample in the making.

    ``tokens`` and ``logprobs`` (of the untempered distribution, in nats; only where
    ``params.logprobs`` asks for them) grow by one a step; ``finish_reason`` is None until it
    ends, ``text`` is set when it does, cut before the stop sequence. ``room`` is how many tokens it
    may have; ``reused`` counts prompt tokens served from the prefix cache. ``error`` is set where
    it has ended without an answer.
    """

    prompt: tuple[int, ...]
    params: SamplingParams
    seed: int
    room: int
    tokens: list[int] = field(factory=list)
    logprobs: list[float] = field(factory=list)
    text: str = ""
    finish_reason: str | None = None
    reused: int = 0
    error: NonFiniteError | None = None
    _sampler: Sampler | None = None

    def choose(self, logits: FloatArray) -> int:
        """Append the next token, from logits (vocabulary,)."""
        if self._sampler is None:
            self._sampler = Sampler(self.params, self.seed)
        token = self._sampler.choose(logits)
        self.tokens.append(token)
        if self.params.logprobs is not None:
            self.logprobs.append(float(log_softmax(logits)[token]))
        return token

    def finish(self, tokenizer: ModelTokenizer, eos_ids: frozenset[int]) -> bool:
        """Whether the sample has ended with its newest token; sets its text if so."""
        if self.tokens[-1] in eos_ids:
            self.text = tokenizer.decode(self.tokens[:-1])
            self.finish_reason = "stop"
        elif (cut := self._stopped(tokenizer)) is not None:
            self.text = cut
            self.finish_reason = "stop"
        elif len(self.tokens) >= self.room:
            self.text = tokenizer.decode(self.tokens)
            self.finish_reason = "length"
        return self.finish_reason is not None

    def _stopped(self, tokenizer: ModelTokenizer) -> str | None:
        """The text before the first stop sequence; None where there is none."""
        stops = [stop for stop in self.params.stop_sequences or () if stop]
        if not stops:
            return None
        # A token has at least one byte, so a stop sequence that the newest token completes lies
        # within as many tokens as it has bytes.
        reach = max(len(stop.encode("utf-8", "surrogatepass")) for stop in stops)
        tail = tokenizer.decode(self.tokens[-reach:])
        if not any(stop in tail for stop in stops):
            return None
        text = tokenizer.decode(self.tokens)
        places = [text.find(stop) for stop in stops if stop in text]
        return text[: min(places)] if places else None


class Decoder:
    """Advances up to ``slots`` samples a token at a time; the others wait their turn."""

    def __init__(self, cache: PrefixCache, tokenizer: ModelTokenizer, slots: int) -> None:
        self._cache = cache
        self._model = cache.model
        self._tokenizer = tokenizer
        self._eos_ids = self._model.config.eos_ids
        self._slots = slots
        self._memory = SlotMemory(self._model.config, slots)
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
        positions = self._memory.begin_step()
        tokens = np.array([sample.tokens[-1] for sample in self._active], np.int64)
        logits = self._model.logits(self._model.hidden(tokens, positions, self._memory))
        for slot in reversed(range(len(self._active))):
            if self._advance(self._active[slot], logits[slot]):
                self._leave(slot)

    def _admit(self) -> None:
        """Fill free slots; the first token of a sample comes from its encoded prompt."""
        encoded: Encoded | None = None
        prompt: tuple[int, ...] = ()
        while self._waiting and len(self._active) < self._slots:
            sample = self._waiting.popleft()
            if encoded is None or prompt != sample.prompt:
                encoded, prompt = self._cache.encode(sample.prompt), sample.prompt
            sample.reused = encoded.reused
            if not self._advance(sample, encoded.logits):
                self._memory.add(encoded.memory)
                self._active.append(sample)

    def _advance(self, sample: Sample, logits: FloatArray) -> bool:
        """Give ``sample`` its next token; whether it has ended."""
        if not np.isfinite(logits.max()):  # NaN and infinity go through; -inf alone rules out
            sample.error, sample.finish_reason = not_finite(), "error"
            return True
        sample.choose(logits)
        return sample.finish(self._tokenizer, self._eos_ids)

    def _leave(self, slot: int) -> None:
        self._memory.remove(slot, clear=self._active[slot].error is not None)
        self._active[slot] = self._active[-1]
        self._active.pop()
