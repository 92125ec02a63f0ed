"""Did you mean?"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

#: from which ratio on two texts are almost the same
_ALIKE = 0.88


def closest(name: str, known: Iterable[str], *, n: int = 3) -> list[str]:
    """The known names most like ``name``, best first; upper and lower case are alike."""
    from difflib import get_close_matches

    lowered: dict[str, list[str]] = {}
    for other in known:
        lowered.setdefault(other.lower(), []).append(other)
    if name.lower() in lowered:
        return lowered[name.lower()][:n]
    found = get_close_matches(name.lower(), list(lowered), n=n, cutoff=0.6)
    return [other for key in found for other in lowered[key]][:n]


def misspelt(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` is a slip of, or None where it is a word of its own.

    A slip is one letter more, less or other, two letters exchanged, or almost the same text;
    names of fewer than five letters are too like other words to tell.
    """
    from difflib import SequenceMatcher

    for other in known:
        # what texts of these lengths have in common at the most
        reach = 2 * min(len(name), len(other)) / (len(name) + len(other) or 1)
        if reach < _ALIKE or name == other or sum(map(str.isalpha, other)) < 5:
            continue
        if _one_edit_apart(name, other) or SequenceMatcher(None, name, other).ratio() >= _ALIKE:
            return other
    return None


def _one_edit_apart(a: str, b: str) -> bool:
    start = _shared(a, b)
    a, b = a[start:], b[start:]
    end = _shared(a[::-1], b[::-1])
    a, b = a[: len(a) - end], b[: len(b) - end]
    return max(len(a), len(b)) <= 1 or (len(a) == 2 and a == b[::-1])


def _shared(a: str, b: str) -> int:
    """How many letters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """A hint that offers the closest known names, or ``otherwise`` where none is close."""
    matches = closest(name, known)
    if not matches:
        return otherwise
    return f"did you mean {' or '.join(matches)}?"
