r"""Whether two final answers say the same.

What is compared whole is whole: an equation with an equation (up to a constant factor), never its
right side alone, unless the gold answer is no equation. Lists and sets have no order, tuples and
intervals have one, and kinds are not mixed: ``3,5`` is not ``(3,5)``. An inequality in one letter
is the interval it describes. Words are compared as words.

Choices, where usage differs:

- a decimal of at least six places equals the number it is rounded from (``4.123106`` is
  ``\sqrt{17}``), a shorter one does not (``0.33`` is not ``1/3``);
- a percentage equals its number and its fraction: ``50\%`` is ``50`` and ``0.5``, since MATH's
  answers leave the sign out;
- a numeral in a base may leave the base out (``4210`` for ``4210_5``), where the question says it;
  another base is another answer;
- a unit may be left out or added; two different units differ.
"""

from __future__ import annotations

import re

from olmo_eval_tasks.scorers.mathematics.expression import proportional
from olmo_eval_tasks.scorers.mathematics.quantity import rational, same_quantity
from olmo_eval_tasks.scorers.mathematics.structure import (
    Members,
    matrix,
    members,
    signs,
    split,
)
from olmo_eval_tasks.scorers.mathematics.text import LONGEST, compact, tidy
from olmo_eval_tasks.scorers.mathematics.units import split_unit

_MOST_PARTS, _DEEPEST = 40, 6
_NAME = r"(?:[a-zA-Z]|\\[a-zA-Z]+)(?:\s*_\s*(?:\w|\{\w+\}))?'{0,2}"
_NAMES = re.compile(
    rf"{_NAME}(?:\s*\(\s*[a-zA-Z](?:\s*,\s*[a-zA-Z])*\s*\))?|\(\s*{_NAME}(?:\s*,\s*{_NAME})+\s*\)"
)
_IN = re.compile(rf"{_NAME}\s*\\in(?![a-zA-Z])\s*(.+)")
_RELATION = re.compile(r"\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\ne(?![a-zA-Z])|<=|>=|<|>")
_FLIPPED = {"<": ">", r"\le": r"\ge", ">": "<", r"\ge": r"\le", r"\ne": r"\ne"}
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")


def same_answer(gold: str, answer: str) -> bool:
    """Whether ``answer`` says what ``gold`` says; both as they are written, LaTeX or not."""
    if max(len(gold), len(answer)) > LONGEST:
        return gold.strip() == answer.strip() != ""
    return _same(tidy(gold), tidy(answer), 0)


def _same(gold: str, answer: str, depth: int) -> bool:
    if not gold or not answer or depth > _DEEPEST:
        return False
    if compact(gold) == compact(answer):
        return True
    gold, answer = (_without_in(text) for text in (gold, answer))
    if "=" in gold or "=" in answer:
        return _same_equations(gold, answer, depth)
    one, other = (_relation(text) for text in (gold, answer))
    if one or other:
        return _same_relations(one, other, gold, answer, depth)
    if _thousands(gold, answer):
        return True
    parts, others = (_all_members(text) for text in (gold, answer))
    if parts or others:
        return _same_members(parts, others, gold, answer, depth)
    cells, theirs = matrix(gold), matrix(answer)
    if cells and theirs:
        return _same_cells(cells, theirs, depth)
    return same_quantity(gold, answer)


def _without_in(text: str) -> str:
    found = _IN.fullmatch(text)
    return found.group(1) if found else text


# -- equations and inequalities


def _sides(text: str) -> list[str]:
    return [side for side in re.split(r"(?<![<>!:\\])=(?!=)", text)]


def _same_equations(gold: str, answer: str, depth: int) -> bool:
    parts, others = (split(text, (",", ";")) for text in (_commas(gold), _commas(answer)))
    if (pair := members(gold)) and pair.kind == "tuple" and _all_named(others):
        values = ", ".join(_unnamed(part) for part in others)
        return _same(gold, f"({values})", depth + 1)
    if len(parts) > 1 or len(others) > 1:
        one, other = (Members("list", tuple(map(_unnamed, p))) for p in (parts, others))
        if any("=" in part for part in (*one.parts, *other.parts)):
            one, other = Members("list", tuple(parts)), Members("list", tuple(others))
        if all("=" not in part for part in (*one.parts, *other.parts)):
            return _same("; ".join(one.parts), "; ".join(other.parts), depth + 1)
        return _same_members(one, other, gold, answer, depth)
    mine, theirs = _sides(gold), _sides(answer)
    if len(mine) == 1:
        if compact(theirs[-1]) == "0" and not _NAMES.fullmatch(theirs[0].strip()):
            return False  # an equation is no number
        return _same(gold, theirs[-1].strip(), depth + 1)
    if len(theirs) == 1:
        named = len(mine) == 2 and _NAMES.fullmatch(mine[0].strip())
        return bool(named) and _same(mine[1].strip(), answer, depth + 1)
    one_name = compact(mine[0]) == compact(theirs[0]) and _NAMES.fullmatch(mine[0].strip())
    if one_name and _same(mine[-1].strip(), theirs[-1].strip(), depth + 1):
        return True
    if len(mine) != 2 or len(theirs) != 2:
        return False
    return proportional(*(f"({left})-({right})" for left, right in (mine, theirs)))


def _commas(text: str) -> str:
    parts = members(text)
    return ", ".join(parts.parts) if parts and parts.kind == "list" else text


def _all_named(parts: list[str]) -> bool:
    """Whether they are ``x = 2`` and ``y = -1``: values of different letters, in their order."""
    names = [part.partition("=")[0].strip() for part in parts if _unnamed(part) != part]
    return len(parts) > 1 and len(names) == len(parts) and names == sorted(set(names))


def _unnamed(text: str) -> str:
    """``5`` of ``x = 5``."""
    left, equals, right = text.partition("=")
    return right.strip() if equals and _NAMES.fullmatch(left.strip()) else text


def _relation(text: str) -> list[str] | None:
    """Sides and signs in turn, or None."""
    signs_found = _RELATION.findall(text)
    if not signs_found or len(signs_found) > 2:
        return None
    if len(split(text, (",", ";", r"\cup"))) > 1 or text.startswith((r"\{", r"\langle")):
        return None
    sides = [side.strip() for side in _RELATION.split(text)]
    plain = [{"<=": r"\le", ">=": r"\ge"}.get(sign, sign) for sign in signs_found]
    return [x for pair in zip(sides, [*plain, ""], strict=True) for x in pair][:-1]


def _same_relations(
    one: list[str] | None, other: list[str] | None, gold: str, answer: str, depth: int
) -> bool:
    intervals = [_interval(r) if r else text for r, text in ((one, gold), (other, answer))]
    if intervals[0] and intervals[1] and not (one and other and _letter(one) != _letter(other)):
        return _same(intervals[0], intervals[1], depth + 1)
    if not one or not other or len(one) != len(other):
        return False
    if one[1] != other[1]:
        other = [_FLIPPED.get(part, part) for part in reversed(other)]
    if one[1::2] != other[1::2]:
        return False
    if all(_same(a, b, depth + 1) for a, b in zip(one[::2], other[::2], strict=True)):
        return True
    if len(one) > 3:
        return False
    sides = (f"({r[0]})-({r[2]})" for r in (one, other))
    return proportional(*sides, positive=one[1] != r"\ne")


def _letter(relation: list[str]) -> str:
    return next((side for side in relation[::2] if _NAMES.fullmatch(side)), "")


def _interval(relation: list[str]) -> str | None:
    r"""``0 < x \le 2`` -> ``(0,2]``; None where it is about more than one letter."""
    if relation[1] in (">", r"\ge"):
        relation = [_FLIPPED.get(part, part) for part in reversed(relation)]
    left, sign, right, *more = relation
    opening, closing_ = ("(" if sign == "<" else "["), (")" if sign == "<" else "]")
    if r"\ne" in relation or (more and more[0] not in ("<", r"\le")):
        return None
    if more:
        end = ")" if more[0] == "<" else "]"
        return f"{opening}{left},{more[1]}{end}" if _NAMES.fullmatch(right) else None
    if _NAMES.fullmatch(left) and not re.search(r"(?<!\\)\b[a-zA-Z]\b", right):
        return rf"(-\infty,{right}{closing_}"
    if _NAMES.fullmatch(right) and not re.search(r"(?<!\\)\b[a-zA-Z]\b", left):
        return rf"{opening}{left},\infty)"
    return None


# -- several parts


def _thousands(gold: str, answer: str) -> bool:
    """Whether they are one number, written with or without thousands separators."""
    numbers = []
    for text in (gold, answer):
        bare, _ = split_unit(text)
        plain = bare.replace(",", "") if _THOUSANDS.fullmatch(bare) else bare
        numbers.append(rational(plain))
    return numbers[0] is not None and numbers[0] == numbers[1] and "," in gold + answer


def _all_members(text: str) -> Members | None:
    r"""The members, with both values of each that has ``\pm``."""
    found = members(text)
    if found is None:
        both = signs(text)
        return Members("list", both) if len(both) > 1 else None
    if found.kind in ("list", "set"):
        parts = tuple(one for part in found.parts for one in signs(part))
        return Members(found.kind, parts)
    return found


def _same_members(
    one: Members | None, other: Members | None, gold: str, answer: str, depth: int
) -> bool:
    one, other = one or Members("list", (gold,)), other or Members("list", (answer,))
    loose = {"list", "set"}
    if one.kind != other.kind and not (one.kind in loose and other.kind in loose):
        return False
    if max(len(one.parts), len(other.parts)) > _MOST_PARTS:
        return False
    if one.ordered:
        pairs = zip(one.parts, other.parts, strict=False)
        return len(one.parts) == len(other.parts) and all(_same(a, b, depth + 1) for a, b in pairs)
    return all(any(_same(a, b, depth + 1) for b in other.parts) for a in one.parts) and all(
        any(_same(a, b, depth + 1) for a in one.parts) for b in other.parts
    )


def _same_cells(
    one: tuple[bool, list[list[str]]], other: tuple[bool, list[list[str]]], depth: int
) -> bool:
    (determinant, rows), (theirs, others) = one, other
    if determinant != theirs or [len(row) for row in rows] != [len(row) for row in others]:
        return False
    cells = (cell for row in rows for cell in row)
    others_cells = (cell for row in others for cell in row)
    return all(_same(a, b, depth + 1) for a, b in zip(cells, others_cells, strict=True))
