"""Two texts, word by word: what both have, what each has alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal

from attrs import frozen

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
#: words up to which two texts are compared word by word, and lines up to which line by line
_MOST_WORDS, _MOST_LINES = 1_500, 1_500
#: an equal part longer than this many characters is folded, all but this many at its ends
_FOLDED, _KEPT = 600, 120
Kind = Literal["same", "removed", "added", "folded"]


@frozen
class Part:
    """A piece of one side: in both, in A alone, in B alone; or what is left out of an equal part,
    whose ``text`` says how much."""

    kind: Kind
    text: str


@frozen
class Diff:
    """Both sides in parts. ``unit`` says what was compared: ``word`` or ``line``, or ``none`` where
    the texts are too long."""

    a: tuple[Part, ...]
    b: tuple[Part, ...]
    unit: Literal["word", "line", "none"]

    @property
    def equal(self) -> bool:
        return all(part.kind in ("same", "folded") for part in (*self.a, *self.b))


def word_diff(a: str, b: str, *, fold: bool = True) -> Diff:
    """The difference of two texts; ``fold`` leaves out the middle of long equal parts."""
    if a == b:
        return Diff(_same(a, fold), _same(b, fold), "word")
    unit, left, right = _pieces(a, b)
    if unit == "none":
        return Diff((Part("removed", a),), (Part("added", b),), "none")
    parts_a: list[Part] = []
    parts_b: list[Part] = []
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            same = _same("".join(left[i:j]), fold)
            parts_a += same
            parts_b += same
            continue
        if j > i:
            parts_a.append(Part("removed", "".join(left[i:j])))
        if m > k:
            parts_b.append(Part("added", "".join(right[k:m])))
    return Diff(tuple(parts_a), tuple(parts_b), unit)


def _pieces(a: str, b: str) -> tuple[Literal["word", "line", "none"], Sequence[str], Sequence[str]]:
    if max(len(a), len(b)) <= 20 * _MOST_WORDS:
        left, right = _WORD.findall(a), _WORD.findall(b)
        if max(len(left), len(right)) <= 2 * _MOST_WORDS:
            return "word", left, right
    left, right = a.splitlines(keepends=True), b.splitlines(keepends=True)
    if max(len(left), len(right)) <= _MOST_LINES:
        return "line", left, right
    return "none", (), ()


def _same(text: str, fold: bool) -> tuple[Part, ...]:
    if not fold or len(text) <= _FOLDED:
        return (Part("same", text),) if text else ()
    left_out = len(text) - 2 * _KEPT
    return (
        Part("same", text[:_KEPT]),
        Part("folded", f"{left_out:,} equal characters"),
        Part("same", text[-_KEPT:]),
    )
