"""Needles in a haystack: sentences that give a key its value, hidden in a long text."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from attrs import frozen

from olmo_eval_tasks.long_context.question import LongQuestion
from olmo_eval_tasks.long_context.text import compound, distinct, sentence, tokens

#: the sentences that RULER repeats where the haystack is noise
NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
#: a uuid is 36 characters of which no vocabulary has long pieces
_UUID_TOKENS = 25
_NEEDLE = "One of the special magic {kind} for {key} is: {value}."
_ONE = (
    "A special magic {one} is hidden within the following text. Make sure to memorize it. I will "
    "quiz you about the {one} afterwards.\n{context}\nWhat is the special magic {one} for {query} "
    "mentioned in the provided text? The special magic {one} for {query} mentioned in the provided "
    "text is"
)
_SEVERAL = (
    "Some special magic {kind} are hidden within the following text. Make sure to memorize it. I "
    "will quiz you about the {kind} afterwards.\n{context}\nWhat are all the special magic {kind} "
    "for {query} mentioned in the provided text? The special magic {kind} for {query} mentioned in "
    "the provided text are"
)


def _number(draw: Random) -> str:
    return str(draw.randrange(1_000_000, 10_000_000))


def _uuid(draw: Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


_MAKERS: dict[str, Callable[[Random], str]] = {
    "words": compound,
    "numbers": _number,
    "uuids": _uuid,
}


@frozen
class Needles:
    """What is hidden in which haystack.

    - ``haystack``: ``noise`` repeats five sentences, ``prose`` is invented sentences, ``needles``
      is other needles;
    - ``keys``, ``values``: ``words``, ``numbers`` or ``uuids``;
    - ``hidden`` keys stand in the text, ``asked`` of them are asked for, and each has
      ``values_each`` values.
    """

    haystack: str
    keys: str = "words"
    values: str = "numbers"
    hidden: int = 1
    asked: int = 1
    values_each: int = 1

    def __call__(self, draw: Random, budget: int) -> LongQuestion:
        """A question of about ``budget`` tokens."""
        keys = distinct(_MAKERS[self.keys], draw)
        values = distinct(_MAKERS[self.values], draw)
        known = {key: list(islice(values, self.values_each)) for key in islice(keys, self.hidden)}
        asked = list(known)[: self.asked]
        hidden = [self._needle(key, value) for key in known for value in known[key]]
        draw.shuffle(hidden)
        room = budget - self._cost(self._text("", asked)) - sum(map(self._cost, hidden))
        lines = list(self._haystack(draw, room, keys, values))
        for needle in hidden:
            lines.insert(draw.randrange(len(lines) + 1), needle)
        joint = " " if self.haystack == "prose" else "\n"
        answers = tuple(value for key in asked for value in known[key])
        return LongQuestion(self._text(joint.join(lines), asked), answers)

    def _needle(self, key: str, value: str) -> str:
        return _NEEDLE.format(kind=self.values, key=key, value=value)

    def _cost(self, text: str) -> int:
        """Tokens of a needle or a question; its uuids are random characters."""
        plain = tokens(text)
        if "uuids" not in (self.keys, self.values):
            return plain
        parts = [part.strip(".?,:") for part in text.split()]
        coded = [part for part in parts if part.count("-") == 4]
        return plain + sum(_UUID_TOKENS - tokens(part) for part in coded)

    def _haystack(
        self, draw: Random, room: int, keys: Iterator[str], values: Iterator[str]
    ) -> Iterator[str]:
        while True:
            if self.haystack == "noise":
                line, cost = NOISE, tokens(NOISE) + 1
            elif self.haystack == "prose":
                line = sentence(draw)
                cost = tokens(line) + 1
            else:
                line = self._needle(next(keys), next(values))
                cost = self._cost(line) + 1
            room -= cost
            if room < 0:
                return
            yield line

    def _text(self, context: str, asked: list[str]) -> str:
        query = asked[0]
        if len(asked) > 1:
            query = f"{', '.join(asked[:-1])}, and {asked[-1]}"
        template = _ONE if self.asked * self.values_each == 1 else _SEVERAL
        one = self.values.removesuffix("s")
        return template.format(one=one, kind=self.values, context=context, query=query)
