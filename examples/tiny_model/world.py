"""The invented world that the tiny model learns: towns and their facts, sums, and small rooms.

Everything here is a value derived from a fixed seed, so the training text (`corpus.py`) and the
questions (`make_tasks.py`) agree without a file passing between them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

WORLD_SEED = 20240601

_ONSETS = ["b", "br", "d", "dr", "g", "gl", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"]
_VOWELS = ["a", "e", "i", "o", "u"]
_CODAS = ["k", "l", "m", "n", "r", "s", "th", "x"]


@dataclass(frozen=True)
class Attribute:
    """One kind of fact about a town: how it is stated, how it is asked, and what can be true."""

    key: str
    statement: str
    question: str
    reverse_question: str
    values: tuple[str, ...]


ATTRIBUTES = (
    Attribute(
        "stone",
        "{town} is built of {value}.",
        "What is {town} built of?",
        "Name the town built of {value}.",
        (
            "slate",
            "granite",
            "marble",
            "chalk",
            "basalt",
            "flint",
            "brick",
            "timber",
            "clay",
            "coral",
        ),
    ),
    Attribute(
        "gate",
        "The gate of {town} is {value}.",
        "What colour is the gate of {town}?",
        "Name the town whose gate is {value}.",
        (
            "green",
            "black",
            "white",
            "yellow",
            "purple",
            "orange",
            "silver",
            "golden",
            "brown",
            "blue",
        ),
    ),
    Attribute(
        "craft",
        "{town} makes {value}.",
        "What does {town} make?",
        "Name the town that makes {value}.",
        (
            "rope",
            "glass",
            "paper",
            "barrels",
            "candles",
            "bells",
            "boats",
            "carpets",
            "soap",
            "wheels",
        ),
    ),
    Attribute(
        "flag",
        "The flag of {town} shows a {value}.",
        "What does the flag of {town} show?",
        "Name the town whose flag shows a {value}.",
        ("heron", "fox", "whale", "beetle", "goat", "raven", "salmon", "badger", "moth", "camel"),
    ),
)


@dataclass(frozen=True)
class Fact:
    """One thing that is true of one town."""

    town: str
    attribute: Attribute
    value: str

    @property
    def statement(self) -> str:
        return self.attribute.statement.format(town=self.town, value=self.value)

    @property
    def question(self) -> str:
        return self.attribute.question.format(town=self.town)


def towns(count: int = 75) -> list[str]:
    """`count` distinct invented town names, always the same ones."""
    rng = random.Random(WORLD_SEED)
    names: list[str] = []
    while len(names) < count:
        syllables = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(2)]
        name = ("".join(syllables) + rng.choice(_CODAS)).capitalize()
        if name not in names:
            names.append(name)
    return names


def facts() -> list[Fact]:
    """Every fact of the world: four for each town, in town order."""
    rng = random.Random(WORLD_SEED + 1)
    return [
        Fact(town, attribute, rng.choice(attribute.values))
        for town in towns()
        for attribute in ATTRIBUTES
    ]


@dataclass(frozen=True)
class Sum:
    """An addition of two two-digit numbers."""

    left: int
    right: int

    @property
    def total(self) -> int:
        return self.left + self.right

    @property
    def question(self) -> str:
        return f"What is {self.left} + {self.right}?"


def sums(held_out: int = 500) -> tuple[list[Sum], list[Sum]]:
    """All two-digit additions in two disjoint lists: (seen in training, held out)."""
    pairs = [Sum(left, right) for left in range(10, 100) for right in range(10, 100)]
    random.Random(WORLD_SEED + 2).shuffle(pairs)
    return pairs[held_out:], pairs[:held_out]


COLOURS = (
    "red", "green", "black", "white", "yellow", "purple", "orange", "silver", "brown", "blue",
)  # fmt: skip
VEHICLES = ("cart", "wagon", "boat", "sledge", "barge", "coach")
GOODS = ATTRIBUTES[2].values
ROOMS = (
    "cellar", "tower", "garden", "kitchen", "attic", "stable", "hall", "library",
    "workshop", "barn", "chapel", "pantry", "office", "bakery", "harbour", "mill",
)  # fmt: skip
TIMES = ("dawn", "noon", "dusk", "midnight", "sunrise", "sunset", "midday", "nightfall")


@dataclass(frozen=True)
class Passage:
    """A delivery, and what can be asked about it."""

    colour: str
    vehicle: str
    goods: str
    room: str
    time: str

    @property
    def text(self) -> str:
        what = f"a {self.colour} {self.vehicle} brought {self.goods}"
        return f"At {self.time} {what} to the {self.room}."

    @property
    def questions(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """(question, answer, all possible answers) of each kind."""
        return (
            ("What colour was it?", self.colour, COLOURS),
            ("What did it bring?", self.goods, GOODS),
            ("Where did it go?", self.room, ROOMS),
            ("When did it come?", self.time, TIMES),
        )


def passage(rng: random.Random) -> Passage:
    """A random passage out of 76,800."""
    return Passage(
        colour=rng.choice(COLOURS),
        vehicle=rng.choice(VEHICLES),
        goods=rng.choice(GOODS),
        room=rng.choice(ROOMS),
        time=rng.choice(TIMES),
    )


def held_out_passages(count: int = 130) -> list[Passage]:
    """The passages that the reading questions are about; `corpus.py` never emits one of them."""
    rng = random.Random(WORLD_SEED + 3)
    return [passage(rng) for _ in range(count)]
