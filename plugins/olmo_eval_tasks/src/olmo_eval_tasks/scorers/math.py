"""``math_flex``: whether two final answers are the same mathematics."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from olmo_eval.common.scorers import Scorer
from olmo_eval.common.scorers.text import gold_answers
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval_tasks.scorers.latex import Unreadable, value

#: at how many points two expressions must agree, and how closely, relative to their size
POINTS = range(3)
TOLERANCE = 1e-40
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


@frozen
class MinervaMathScorer(Scorer):
    """1 where any extracted answer equals any gold answer, as text or as an expression.

    Texts are compared without LaTeX's spacing and sizing, expressions by their values to 40 digits.
    Tuples, intervals and lists are compared member by member, in order.
    """

    name: str = "math_flex"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        found = output.extracted_answer
        if found is None:
            return 0.0
        candidates = found if isinstance(found, list | tuple) else [found]
        golds = gold_answers(instance)
        return float(any(same_answer(str(c), gold) for c in candidates for gold in golds))


def same_answer(one: str, other: str) -> bool:
    """Whether two answers say the same; hostile text cannot make this take long."""
    one, other = _tidy(one), _tidy(other)
    if not one or not other:
        return False
    if one == other:
        return True
    mine, theirs = _members(one), _members(other)
    if mine[0] != theirs[0] or len(mine[1]) != len(theirs[1]):
        return False
    if len(mine[1]) > 1:
        return all(map(same_answer, mine[1], theirs[1]))
    return _same_expression(one, other)


def _tidy(text: str) -> str:
    for spacing in (r"\left", r"\right", r"\le(", r"\!", r"\,", r"\;", r"\ ", "$", r"\%", "%"):
        text = text.replace(spacing, "(" if spacing == r"\le(" else "")
    text = text.replace("tfrac", "frac").replace("dfrac", "frac")
    return "".join(text.split()).rstrip(".")


def _members(text: str) -> tuple[str, list[str]]:
    """The brackets around a list (empty where there are none) and its members."""
    brackets = ""
    if text[0] in _BRACKETS and text[-1] in ")]}" and "," in text:
        brackets, text = text[0] + text[-1], text[1:-1]
    members, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            members.append(text[start:position])
            start = position + 1
    members.append(text[start:])
    return (brackets, members) if len(members) > 1 else ("", [text])


def _same_expression(one: str, other: str) -> bool:
    try:
        return all(_close(value(one, point), value(other, point)) for point in POINTS)
    except Unreadable:
        return False


def _close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) <= TOLERANCE * (1 + abs(a) + abs(b)))
