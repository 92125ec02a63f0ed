"""Comparing numbers by their values."""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from olmo_eval.common.numbers import normalize_number
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.scorers.text import answer_text, gold_answers
from olmo_eval.common.types import Instance, LMOutput


@frozen
class NumberScorer(Scorer):
    """1 where the extracted number is within ``tolerance`` of a gold answer."""

    name: str = "number"
    reads = "text"
    tolerance: float = 0.0

    def score(self, instance: Instance, output: LMOutput) -> float:
        accepted, answer = gold_answers(instance), answer_text(output)
        value = None if answer is None else _value(answer)
        if value is None:
            return 0.0
        golds = [gold for text in accepted if (gold := _value(text)) is not None]
        return float(any(abs(value - gold) <= Fraction(self.tolerance) for gold in golds))


def _value(text: str) -> Fraction | None:
    try:
        return Fraction(normalize_number(text))
    except (ValueError, ZeroDivisionError):
        return None
