"""The answer that a text states in so many words: ``So the answer is (B).``"""

from __future__ import annotations


def stated_answer(text: str, phrase: str = "the answer is ") -> str:
    """What follows the last ``phrase`` on its line, else the whole text; without its final period.

    ``"So the answer is ] } ]."`` gives ``"] } ]"``. Nothing else is taken away: brackets, case and
    the words after an answer stay.
    """
    _, found, rest = text.rpartition(phrase)
    answer = rest.strip().partition("\n")[0] if found else text
    return answer.strip().removesuffix(".").rstrip()
