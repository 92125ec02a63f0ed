"""Invented words, sentences and names, and an estimate of how many tokens a text takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import ceil
from random import Random

from olmo_eval_tasks.long_context.words import (
    ADJECTIVES,
    NOUNS,
    ONSETS,
    PEOPLE,
    TIMES,
    VERBS,
    VOWELS,
)

_PIECES = re.compile(r"[A-Za-z]+|\d+|[^\w\s]|\n")


def sentence(draw: Random) -> str:
    """A plain sentence in which nothing is to be found."""
    who, verb = draw.choice(PEOPLE), draw.choice(VERBS)
    thing = f"{draw.choice(ADJECTIVES)} {draw.choice(NOUNS)}"
    where = f"{draw.choice(ADJECTIVES)} {draw.choice(NOUNS)}"
    form = draw.choice(
        (
            "The {who} {verb} the {thing} near the {where} {time}.",
            "{Time}, the {who} {verb} the {thing} by the {where}.",
            "Nobody knew why the {who} {verb} the {thing} {time}.",
            "Beside the {where}, the {who} {verb} a {thing} {time}.",
        )
    )
    time = draw.choice(TIMES)
    return form.format(
        who=who, verb=verb, thing=thing, where=where, time=time, Time=time.capitalize()
    )


def compound(draw: Random) -> str:
    """A name of two words: ``quiet-harbor``."""
    return f"{draw.choice(ADJECTIVES)}-{draw.choice(NOUNS)}"


def proper_name(draw: Random, syllables: int = 3) -> str:
    """An invented proper name: ``Brodeath``."""
    parts = (draw.choice(ONSETS) + draw.choice(VOWELS) for _ in range(syllables))
    return ("".join(parts) + draw.choice("lmnrs")).capitalize()


def distinct(make: Callable[[Random], str], draw: Random) -> Iterator[str]:
    """What ``make`` draws, each text once."""
    seen: set[str] = set()
    while True:
        text = make(draw)
        if text not in seen:
            seen.add(text)
            yield text


@lru_cache(maxsize=65_536)
def _cost(piece: str) -> int:
    if piece.isdigit():
        return 1 + ceil(len(piece) / 3)
    return 1 + len(piece) // 8


def tokens(text: str) -> int:
    """About how many tokens a text of plain words and numbers takes.

    A word is one token, a long one two; numbers are read three digits at a time. Vocabularies of
    100,000 tokens and more come to within a tenth of it.
    """
    return sum(map(_cost, _PIECES.findall(text)))


def random_tokens(characters: int) -> int:
    """About how many tokens a short string of random letters takes."""
    return ceil(characters * 0.6)
