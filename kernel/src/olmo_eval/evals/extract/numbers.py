"""The number that a text gives as its answer, in the form of ``normalize_number``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from olmo_eval.common.numbers import NUMBER, legible, normalize_number
from olmo_eval.evals.extract.boxed import boxes

#: what stands before an answer in English; whatever follows ``####`` or is boxed counts, too
MARKS = (r"(?:the|final)\s+answer\s*(?:is|:|=)",)
_SENTENCE_END = re.compile(r"\n|[.!?](?=\s|$)")
#: what may stand between "the answer is" and its number
_LEAD = re.compile(
    r"[\s*_:=~$\\({\[]*(?:(?:about|approximately|exactly|just|only)\s)?[\s*_$\\({\[]*"
)


def last_number(text: str) -> str | None:
    """The last number in ``text`` in the form of ``normalize_number``, or None.

    ``"so $1,200.00."`` gives ``"1200"``: a fraction of zeros is dropped.
    """
    found = NUMBER.findall(legible(text))
    return normalize_number(found[-1]) if found else None


def stated_number(text: str, marks: Sequence[str] = MARKS) -> str | None:
    r"""The number that ``text`` marks as its answer, or else its last number, or None.

    Marks are ``\boxed{}``, ``####`` and ``marks`` (regular expressions, case aside), of which the
    last that a number follows counts. After words it is the number after the sentence's last
    ``=``, else the one that follows directly, else the sentence's last.
    """
    marked = [(start, _first_of(content)) for start, content in boxes(text)]
    worded = re.compile(f"####|{'|'.join(marks)}", re.IGNORECASE)
    marked += [(m.start(), _following(text[m.end() :])) for m in _last(worded, text)]
    for _, number in sorted(marked, key=lambda mark: mark[0], reverse=True):
        if number is not None:
            return number
    return last_number(text)


def _last(pattern: re.Pattern[str], text: str, most: int = 20) -> list[re.Match[str]]:
    """The last matches: a text that repeats its mark without end is not read without end."""
    return list(pattern.finditer(text))[-most:]


def _following(rest: str) -> str | None:
    """The number in what follows a mark."""
    rest = rest.lstrip()[:1000]
    end = _SENTENCE_END.search(rest)
    sentence = legible(rest[: end.start()] if end else rest, all_blanks=True)
    if "=" not in sentence and not NUMBER.match(sentence, _lead(sentence)):
        return last_number(sentence)
    return _first_of(sentence)


def _lead(sentence: str) -> int:
    """Where the number of a sentence would begin."""
    found = _LEAD.match(sentence)
    position = found.end() if found else 0
    return position - 1 if sentence[max(0, position - 1) : position] == "\\" else position


def _first_of(text: str) -> str | None:
    """The first number after the last ``=`` of ``text``."""
    found = NUMBER.search(legible(text.rpartition("=")[2], all_blanks=True))
    return normalize_number(found.group()) if found else None
