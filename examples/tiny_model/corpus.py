"""Training text for the tiny model, generated without end from a seed.

Four kinds of document, in the very forms in which the example tasks ask (`Question: ...`,
`Answer: ...`, shots separated by a blank line), so that a few hundred steps are enough to see
scores rise. Held-out sums and passages never appear; `make_tasks.py` asks about exactly those.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import world

Document = Callable[[random.Random, int], str]

_SUMS_SEEN, _ = world.sums()
_FACTS = world.facts()
_HELD_OUT = frozenset(world.held_out_passages())
_WEATHER = ("cold", "warm", "windy", "quiet", "foggy", "bright", "rainy", "long")
_TIMES = ("morning", "evening", "noon", "night", "midday", "dawn", "dusk")


# Around what can be known: answers, sums, facts. `train.py` removes both and weighs the text
# between them more, because most of the rest (which sum is asked, which town) is chance.
KNOWN, UNKNOWN = "\x02", "\x03"


def known(text: object) -> str:
    return f"{KNOWN}{text}{UNKNOWN}"


def ask(question: str, answer: object) -> str:
    """One question with its answer, as tasks print a shot."""
    return f"Question: {question}\nAnswer:{known(f' {answer}')}"


def ask_about(text: str, question: str, answer: object) -> str:
    """The same under a passage."""
    return f"Passage: {text}\n{ask(question, answer)}"


def _shots(make: Callable[[], str], budget: int) -> str:
    """Blocks separated by blank lines, as many as fit `budget` bytes (at least one)."""
    text = make()
    while len(text) + len(block := "\n\n" + make()) <= budget:
        text += block
    return text


def _sum_shot(rng: random.Random) -> str:
    item = rng.choice(_SUMS_SEEN)
    return ask(item.question, item.total)


def sum_document(rng: random.Random, budget: int) -> str:
    """Questions on sums, or a plain list of equations (denser, so arithmetic is learnt sooner)."""
    if rng.random() < 0.5:
        return _shots(lambda: _sum_shot(rng), budget)
    picked = (rng.choice(_SUMS_SEEN) for _ in range(budget // 13))
    return "\n".join(f"{item.left} + {item.right} ={known(f' {item.total}')}" for item in picked)


def fact_document(rng: random.Random, budget: int) -> str:
    """Facts as questions, or the four facts of some towns as prose."""
    if rng.random() < 0.6:
        return _shots(lambda: (lambda f: ask(f.question, f.value))(rng.choice(_FACTS)), budget)
    return _shots(lambda: _town_prose(rng), budget)


def _town_prose(rng: random.Random) -> str:
    start = rng.randrange(len(_FACTS) // 4) * 4
    return " ".join(_stated(fact) for fact in rng.sample(_FACTS[start : start + 4], 4))


def _stated(fact: world.Fact) -> str:
    return fact.attribute.statement.format(town=fact.town, value=known(fact.value))


def _new_passage(rng: random.Random) -> world.Passage:
    while (candidate := world.passage(rng)) in _HELD_OUT:
        pass
    return candidate


def _reading_shot(rng: random.Random, questions: int) -> str:
    """A passage and some of its questions; asking several makes answers a larger share of text."""
    item = _new_passage(rng)
    asked = [(question, answer) for question, answer, _ in rng.sample(item.questions, questions)]
    return "\n".join([ask_about(item.text, *asked[0]), *(ask(*pair) for pair in asked[1:])])


def reading_document(rng: random.Random, budget: int) -> str:
    """Passages with their questions: one each (the form of the task) or all four."""
    questions = rng.choice((1, 4, 4))
    return _shots(lambda: _reading_shot(rng, questions), budget)


def story(rng: random.Random, sums: Sequence[world.Sum] = _SUMS_SEEN) -> str:
    """A few sentences of travel between towns that lean on the facts and on counting."""
    here, there = rng.sample(range(len(_FACTS) // 4), 2)
    start, end = _FACTS[here * 4 : here * 4 + 4], _FACTS[there * 4 : there * 4 + 4]
    item = rng.choice(sums)
    sentences = [
        f"One {rng.choice(_WEATHER)} {rng.choice(_TIMES)} a cart left {start[0].town}"
        f" with {item.left} crates of {known(start[2].value)}.",
        f"It came to the {end[1].value} gate of {end[0].town}"
        f" and took on {item.right} crates of {known(end[2].value)}.",
        f"Then it carried {known(item.total)} crates.",
        f"Over the walls of {known(end[0].value)} flew a flag with a {known(end[3].value)}.",
    ]
    return " ".join(sentences[: rng.choice((3, 4, 4))])


def story_document(rng: random.Random, budget: int) -> str:
    return _shots(lambda: story(rng), budget)


# Shares of documents of equal length, so roughly shares of bytes.
KINDS: tuple[tuple[Document, float], ...] = (
    (sum_document, 0.38),
    (fact_document, 0.27),
    (reading_document, 0.22),
    (story_document, 0.13),
)


def documents(seed: int, length: int) -> Iterator[str]:
    """Documents without end, each of at most about `length` bytes (a single shot may exceed it)."""
    rng = random.Random(seed)
    makers = [maker for maker, _ in KINDS]
    weights = [weight for _, weight in KINDS]
    while True:
        maker = rng.choices(makers, weights)[0]
        yield maker(rng, rng.randint(length // 4, length))
