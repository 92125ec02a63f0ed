"""Which questions belong together: by what the data says of them, by length, by their answers.

Only what was known before anything was answered makes a slice: a slice of questions that one model
got wrong would favour the other whatever they can do.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

Mask = npt.NDArray[np.bool_]

#: questions that a slice has at least, and that are outside of it at least
LEAST = 20
#: keys of the kernel's own: the name of a question, and which choice is right (see `_of_answers`)
_NOT_SLICED = frozenset({"id", "gold_idx"})
#: values of one key, of which more say nothing that people would look at
_MOST_VALUES = 200
#: distinct numbers above which a key is a quantity, and cut into fifths
_QUANTITY = 12
_FIFTHS, _DECILES = 5, 10


@frozen(eq=False)
class Slice:
    """Some of the questions: ``members`` (n,) says which. ``family`` is where it is from:
    ``metadata``, ``length``, ``answer`` or ``text``."""

    family: str
    name: str
    members: Mask


def slices_of(rows: Sequence[Mapping[str, Any]], clusters: Iterable[Slice] = ()) -> list[Slice]:
    """The slices of questions, given as rows with ``question``, ``gold``, ``choices``,
    ``metadata`` (JSON) and ``cluster``; and those of ``clusters`` (of their texts).

    A slice has at least `LEAST` questions and leaves out as many; of two with the same questions
    the first is kept.
    """
    made = [*_of_metadata(rows), *_of_lengths(rows), *_of_answers(rows), *clusters]
    kept: dict[bytes, Slice] = {}
    for one in made:
        if LEAST <= one.members.sum() <= len(rows) - LEAST:
            kept.setdefault(one.members.tobytes(), one)
    return list(kept.values())


def _of_metadata(rows: Sequence[Mapping[str, Any]]) -> Iterator[Slice]:
    values: dict[str, list[Any]] = defaultdict(lambda: [None] * len(rows))
    for i, row in enumerate(rows):
        for key, value in json.loads(row.get("metadata") or "{}").items():
            if key not in _NOT_SLICED:
                values[key][i] = value
        if row.get("cluster") is not None:
            values["cluster"][i] = row["cluster"]
    for key, column in values.items():
        numbers = [_number(value) for value in column]
        if len(set(numbers)) > _QUANTITY:
            yield from _quantiles("metadata", key, numbers, _FIFTHS)
        else:
            yield from _labels("metadata", key, column)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _labels(family: str, key: str, column: Sequence[Any]) -> Iterator[Slice]:
    """A slice for each value of a column; a list says several of a question."""
    members: dict[str, Mask] = {}
    for i, value in enumerate(column):
        for label in value if isinstance(value, list) else [value]:
            if isinstance(label, str | bool | int | float):
                text = label if isinstance(label, str) else json.dumps(label)
                members.setdefault(text, np.zeros(len(column), dtype=bool))[i] = True
                if len(members) > _MOST_VALUES and len(members) > len(column) / LEAST:
                    return
    for text in sorted(members):
        yield Slice(family, f"{key} = {text}", members[text])


def _quantiles(
    family: str, what: str, column: Sequence[float | None], parts: int, unit: str = ""
) -> Iterator[Slice]:
    """``column`` cut into ``parts`` of about the same size; equal values stay together."""
    values = np.array([np.nan if v is None else v for v in column], dtype=np.float64)
    known = ~np.isnan(values)
    if not known.any():
        return
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, parts + 1)))
    for i, (low, high) in enumerate(pairwise(edges)):
        above = values >= low if i == 0 else values > low
        inside = known & above & (values <= high)
        if inside.any():
            least, most = values[inside].min(), values[inside].max()
            span = f"{least:g}" if least == most else f"{least:g} to {most:g}"
            yield Slice(family, f"{what} {span}{unit}", inside)


def _of_lengths(rows: Sequence[Mapping[str, Any]]) -> Iterator[Slice]:
    lengths = [float(len(row.get("question") or "")) for row in rows]
    parts = max(2, min(_DECILES, len(rows) // LEAST))
    yield from _quantiles("length", "question of", lengths, parts, " characters")


def _of_answers(rows: Sequence[Mapping[str, Any]]) -> Iterator[Slice]:
    yield from _labels("answer", "answer", [answer_type(row) for row in rows])
    yield from _labels("answer", "right choice", [_right_choice(row) for row in rows])
    yield from _labels("answer", "choices", [len(row.get("choices") or ()) or None for row in rows])


_TYPES = (
    ("yes or no", re.compile(r"(?i)(yes|no|true|false)")),
    ("letter", re.compile(r"[A-Za-z]")),
    ("negative number", re.compile(r"[-\u2212]\s*[\d.,]+%?")),
    ("whole number", re.compile(r"\d{1,3}(,\d{3})+|\d+")),
    ("decimal, fraction or share", re.compile(r"\$?[\d,]*\.?\d+\s*(/\s*\d+|%)?")),
    ("expression", re.compile(r"(?s).*[\\^_={}<>|].*")),
    ("one word", re.compile(r"\S+")),
)


def answer_type(row: Mapping[str, Any]) -> str | None:
    """What kind of answer is right: a ``whole number``, ``one word``, ...; None where no right
    answer is known."""
    gold = (row.get("gold") or "").strip()
    if not gold:
        return None
    return next((name for name, form in _TYPES if form.fullmatch(gold)), "several words")


def _right_choice(row: Mapping[str, Any]) -> str | None:
    choices, gold = row.get("choices") or [], row.get("gold")
    if gold not in choices or len(choices) > 26:
        return None
    return chr(65 + choices.index(gold))
