"""One sample while it is generated: its tokens, its text, and when it ends."""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import define, field

from olmo_eval.common.stopping import cut_at_stop
from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import NonFiniteError
from olmo_eval.providers.engine_input import ReadableEncoder
from olmo_eval_providers.local.errors import non_finite_logits
from olmo_eval_providers.local.outputs import Generation
from olmo_eval_providers.prompts import FittedPrompt

#: prompt tokens decoded before a sample's own: some tokenizers drop the space at the start of what
#: they decode
_DECODED_BEFORE = 4


@define(eq=False)
class Sample:
    """A sample of ``prompt`` in an engine that samples tokens itself.

    ``tokens`` and ``logprobs`` (in nats, of the distribution before temperature; only where
    ``params.logprobs`` asks for them) grow with every ``add``, less the token that ends the
    sequence. ``finish_reason`` is None until the sample ends, ``text`` is set then, cut before the
    stop sequence; ``error`` is set where it ends without an answer. ``cached_tokens`` counts
    prompt tokens that were encoded before.
    """

    tokenizer: ReadableEncoder
    prompt: tuple[int, ...]
    params: SamplingParams
    seed: int
    max_new_tokens: int
    eos_ids: frozenset[int]
    truncated_tokens: int = 0
    cached_tokens: int = 0
    tokens: list[int] = field(factory=list)
    logprobs: list[float] = field(factory=list)
    text: str = ""
    finish_reason: str | None = None
    error: NonFiniteError | None = None
    random: random.Random = field(init=False)
    _ended_by_eos: bool = field(default=False, init=False)
    _before: tuple[int, ...] = field(init=False)
    _before_text: str = field(init=False)
    _window: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._before = self.prompt[-_DECODED_BEFORE:]
        self._before_text = self.tokenizer.decode(self._before)
        # a token has at least one byte, most have more; lone surrogates of odd input are encodable
        longest = max((len(s.encode("utf-8", "surrogatepass")) for s in self.stops), default=0)
        self._window = longest + 8

    def reset(self) -> None:
        """Begin again."""
        self.tokens, self.logprobs = [], []
        self.random = random.Random(self.seed)

    @property
    def stops(self) -> tuple[str, ...]:
        return self.params.stop_sequences or ()

    def add(self, token: int, logprob: float | None) -> bool:
        """Take the next token; True when the sample has ended."""
        if token in self.eos_ids:
            self._ended_by_eos = True
            return self._end("stop")
        self.tokens.append(token)
        if logprob is not None:
            self.logprobs.append(logprob)
        if self.stops and self._stop_in_window():
            text, found = cut_at_stop(self._decoded(self.tokens), self.stops)
            if found:
                self.text = text
                self.finish_reason = "stop"
                return True
        return len(self.tokens) >= self.max_new_tokens and self._end("length")

    def fail(self) -> None:
        """End without an answer: there is no next token."""
        self.error, self.finish_reason = non_finite_logits(), "error"

    def _stop_in_window(self) -> bool:
        tail = self.tokenizer.decode(self.tokens[-self._window :])
        return any(stop in tail for stop in self.stops)

    def _end(self, reason: str) -> bool:
        self.finish_reason = reason
        # a stop sequence may have been hidden in the window by a space lost in decoding
        self.text, _ = cut_at_stop(self._decoded(self.tokens), self.stops)
        return True

    def _decoded(self, tokens: Sequence[int]) -> str:
        """``tokens`` as they continue the prompt."""
        whole = self.tokenizer.decode([*self._before, *tokens])
        if whole.startswith(self._before_text):
            return whole[len(self._before_text) :]
        return self.tokenizer.decode(tokens)

    def generation(self) -> Generation:
        """The sample as a value, once it has ended."""
        kept = len(self.tokens)
        while kept and len(self._decoded(self.tokens[: kept - 1])) >= len(self.text):
            kept -= 1  # the text may end before its last tokens do
        return Generation(
            text=self.text,
            tokens=self.tokens[:kept],
            logprobs=None if self.params.logprobs is None else self.logprobs[:kept],
            sampled_tokens=len(self.tokens) + self._ended_by_eos,
            finish_reason=self.finish_reason,
            prompt_tokens=len(self.prompt),
            cached_tokens=self.cached_tokens,
            truncated_tokens=self.truncated_tokens,
        )


def samples_of(
    prompt: FittedPrompt,
    params: SamplingParams,
    seeds: Sequence[int],
    tokenizer: ReadableEncoder,
    eos_ids: frozenset[int],
) -> list[Sample]:
    """A sample of ``prompt`` for each of ``seeds``."""
    return [
        Sample(
            tokenizer=tokenizer,
            prompt=prompt.tokens,
            params=params,
            seed=seed,
            max_new_tokens=prompt.max_new_tokens,
            eos_ids=eos_ids,
            truncated_tokens=prompt.truncated_tokens,
        )
        for seed in seeds
    ]
