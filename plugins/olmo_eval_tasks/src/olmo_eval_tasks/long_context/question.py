"""A long question and what is to be found in it."""

from __future__ import annotations

from attrs import frozen


@frozen
class LongQuestion:
    """``prompt`` is all that the model reads; ``answers`` are the texts to be found."""

    prompt: str
    answers: tuple[str, ...]
