"""Questions on invented documents: a fact of one document, or of two that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from attrs import frozen

from olmo_eval_tasks.long_context.question import LongQuestion
from olmo_eval_tasks.long_context.text import distinct, proper_name, sentence, tokens
from olmo_eval_tasks.long_context.words import CRAFTS, NOUNS

_TEMPLATE = (
    "Answer the question based on the given documents. Only give me the answer and do not output "
    "any other words.\n\nThe following are given documents.\n\n{context}\n\nAnswer the question "
    "based on the given documents. Only give me the answer and do not output any other words.\n\n"
    "Question: {query} Answer:"
)


@frozen
class _Town:
    name: str
    river: str
    founder: str
    year: int
    product: str

    def document(self, draw: Random) -> str:
        return (
            f"{self.name} is a town on the river {self.river}. It was founded by {self.founder} in "
            f"{self.year}, and is known for its {self.product}s. {sentence(draw)} {sentence(draw)}"
        )


@frozen
class _Person:
    name: str
    town: str
    craft: str
    teacher: str

    def document(self, draw: Random) -> str:
        return (
            f"{self.name} was born in {self.town} and became a well-known {self.craft}. "
            f"{sentence(draw)} The first lessons were given by {self.teacher}. {sentence(draw)}"
        )


def one_document(draw: Random, budget: int) -> LongQuestion:
    """A fact that stands in one document, among documents of other towns."""
    towns = _towns(draw)
    town = next(towns)
    query = f"Who founded the town of {town.name}?"
    others = (other.document(draw) for other in towns)
    return _ask(draw, budget, [town.document(draw)], others, query, town.founder)


def two_documents(draw: Random, budget: int) -> LongQuestion:
    """A fact of a town that another document leads to, among documents of both kinds."""
    towns = _towns(draw)
    town = next(towns)
    names = distinct(_full_name, draw)
    person = _Person(next(names), town.name, draw.choice(CRAFTS), next(names))
    query = f"On which river lies the town where {person.name} was born?"

    def others() -> Iterator[str]:
        for other in towns:
            yield other.document(draw)
            somebody = _Person(next(names), other.name, draw.choice(CRAFTS), next(names))
            yield somebody.document(draw)

    needed = [town.document(draw), person.document(draw)]
    return _ask(draw, budget, needed, others(), query, town.river)


def _towns(draw: Random) -> Iterator[_Town]:
    names, people = distinct(proper_name, draw), distinct(_full_name, draw)
    for name in names:
        year = draw.randrange(1100, 1900)
        yield _Town(name, next(names), next(people), year, draw.choice(NOUNS))


def _full_name(draw: Random) -> str:
    return f"{proper_name(draw, 2)} {proper_name(draw, 2)}"


def _ask(
    draw: Random, budget: int, needed: list[str], others: Iterator[str], query: str, answer: str
) -> LongQuestion:
    room = budget - tokens(_TEMPLATE) - _cost(query)
    room -= sum(_cost(document) + _HEADING for document in needed)
    documents = list(needed)
    for document in others:
        room -= _cost(document) + _HEADING
        if room < 0:
            break
        documents.append(document)
    draw.shuffle(documents)
    context = "\n\n".join(f"Document {n}:\n{text}" for n, text in enumerate(documents, 1))
    return LongQuestion(_TEMPLATE.format(context=context, query=query), (answer,))


#: tokens of ``Document 12:`` and the blank lines around it
_HEADING = 8


def _cost(text: str) -> int:
    """Tokens of a document; invented names take two more than words do."""
    names = sum(word[:1].isupper() for word in text.split())
    return tokens(text) + 2 * names
