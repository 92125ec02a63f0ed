"""One sample while it is generated: its tokens, its text, and when it ends."""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import define, field

from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import NonFiniteError
from olmo_eval_providers.local.outputs import Generation, not_finite
from olmo_eval_providers.local.transformers_tokenizer import TransformersTokenizer
from olmo_eval_providers.openai_api.answer import cut_at_stop

#: prompt tokens that go before a sample's own when it becomes text: some tokenizers drop the
#: space at the start of what they decode
_LEAD = 4


@define(eq=False)
class Sample:
    """``room`` is how many tokens may be generated; ``finish_reason`` is None until it ends, and
    ``error`` is set where that is without an answer."""

    tokenizer: TransformersTokenizer
    prompt: tuple[int, ...]
    params: SamplingParams
    seed: int
    room: int
    eos_ids: frozenset[int]
    dropped: int = 0
    reused: int = 0
    tokens: list[int] = field(factory=list)
    logprobs: list[float] = field(factory=list)
    text: str = ""
    finish_reason: str | None = None
    error: NonFiniteError | None = None
    random: random.Random = field(init=False)
    _lead: tuple[int, ...] = field(init=False)
    _lead_text: str = field(init=False)
    _window: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._lead = self.prompt[-_LEAD:]
        self._lead_text = self.tokenizer.decode(self._lead)
        longest = max((len(s.encode()) for s in self.stops), default=0)
        self._window = longest + 8  # a token is a byte at least, most are more

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
            return self._end("stop")
        self.tokens.append(token)
        if logprob is not None:
            self.logprobs.append(logprob)
        if self.stops and self._stop_in_sight():
            text, found = cut_at_stop(self.decoded(self.tokens), self.stops)
            if found:
                self.text = text
                return self._end("stop", text=True)
        return len(self.tokens) >= self.room and self._end("length")

    def fail(self) -> None:
        """End without an answer: there is no next token."""
        self.error, self.finish_reason = not_finite(), "error"

    def _stop_in_sight(self) -> bool:
        tail = self.tokenizer.decode(self.tokens[-self._window :])
        return any(stop in tail for stop in self.stops)

    def _end(self, reason: str, *, text: bool = False) -> bool:
        self.finish_reason = reason
        if not text:
            # a stop sequence may have been hidden in the window by a space lost in decoding
            self.text, _ = cut_at_stop(self.decoded(self.tokens), self.stops)
        return True

    def decoded(self, tokens: Sequence[int]) -> str:
        """``tokens`` as they continue the prompt."""
        whole = self.tokenizer.decode([*self._lead, *tokens])
        if whole.startswith(self._lead_text):
            return whole[len(self._lead_text) :]
        return self.tokenizer.decode(tokens)

    def generation(self) -> Generation:
        """What has been found, once it has ended."""
        return Generation.of(self, self.decoded, dropped=self.dropped)
