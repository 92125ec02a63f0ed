"""Whether two single things are the same: numerals, words, numbers with units, expressions."""

from __future__ import annotations

import re
from fractions import Fraction

from olmo_eval_tasks.scorers.mathematics.expression import near, same_expression
from olmo_eval_tasks.scorers.mathematics.text import compact
from olmo_eval_tasks.scorers.mathematics.units import split_unit

_BASE = re.compile(r"([0-9A-Za-z]+)_(\w+)")
_WORD = re.compile(r"[^\W\d_]{3,}|[^\W\d_]{2,}[ -][^\W\d_].*", re.DOTALL)
_NUMBER = re.compile(r"([+-]?)\s*(\d*\.?\d+|\d+\.)(?:/(\d+))?|([+-]?)\\frac\{(-?\d+)\}\{(\d+)\}")
_DECIMAL = re.compile(r"-?\d*\.(\d{6,})")


def same_quantity(gold: str, answer: str) -> bool:
    if _based(gold) or _based(answer):
        return _same_numeral(gold, answer)
    choice = [re.fullmatch(r"\(?\s*([A-Za-z])\s*\)?", text) for text in (gold, answer)]
    if choice[0] and choice[1]:
        return choice[0].group(1) == choice[1].group(1)
    words = [_words(text) for text in (gold, answer)]
    if words[0] or words[1]:
        return _letters(gold, words[0]) == _letters(answer, words[1])
    (gold, unit), (answer, other) = split_unit(gold), split_unit(answer)
    if unit and other and unit != other:
        return False
    if compact(gold) == compact(answer):
        return True
    if gold.endswith("%") or answer.endswith("%"):
        return _same_percentage(gold, answer)
    return _same_number(gold, answer)


def _based(text: str) -> re.Match[str] | None:
    found = _BASE.fullmatch(re.sub(r"\\text\{\s*(\w+)\s*\}|[{}\s]", r"\1", text))
    if found and re.search(r"\d", found.group(1)) and (found.group(2).isdecimal()):
        return found
    return None


def _same_numeral(gold: str, answer: str) -> bool:
    one, other = _based(gold), _based(answer)
    if one is None:
        return False
    digits = other.group(1) if other else compact(answer)
    same_base = other is None or one.group(2) == other.group(2)
    return same_base and one.group(1).upper() == digits.upper()


def _words(text: str) -> str | None:
    """The words of an answer that is words, in one form; None for mathematics."""
    upright = re.fullmatch(r"\(?\\text\{([^{}]*)\}\)?", text)
    plain = upright.group(1) if upright else re.sub(r"\\text\{([^{}]*)\}", r" \1 ", text)
    plain = " ".join(plain.split()).strip(" ().'\"")
    if upright and len(plain) > 1 and not any(c.isdigit() for c in plain):
        return plain.casefold()
    if "\\" in plain or not _WORD.fullmatch(plain):
        return None
    return plain.casefold()


def _letters(text: str, words: str | None) -> str | None:
    """The words, or else the letters that make up an answer: ``VW`` beside a word is one."""
    return words if words or not text.isalpha() else text.casefold()


def _same_percentage(gold: str, answer: str) -> bool:
    one, other = gold.rstrip("% "), answer.rstrip("% ")
    if _same_number(one, other):
        return True
    percent, plain = (one, other) if gold.endswith("%") else (other, one)
    if gold.endswith("%") and answer.endswith("%"):
        return False
    return _same_number(rf"\frac{{{percent}}}{{100}}", plain)


def _same_number(gold: str, answer: str) -> bool:
    one, other = rational(gold), rational(answer)
    if one is not None and other is not None:
        return one == other or _rounded(gold, answer, one, other)
    for decimal, exact in ((gold, answer), (answer, gold)):
        if _DECIMAL.fullmatch(decimal) and _is_value(exact, decimal):
            return True
    return same_expression(gold, answer)


def rational(text: str) -> Fraction | None:
    """The value of a plain number or fraction."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > 400:
        return None
    sign, number, below, sign_, above, under = found.groups()
    below = under or below
    if below is not None and int(below) == 0:
        return None
    value = Fraction(number or above) / int(below or 1)
    return -value if "-" in (sign, sign_) else value


def _rounded(gold: str, answer: str, one: Fraction, other: Fraction) -> bool:
    """Whether one is a long decimal, and the other a fraction that it is rounded from."""
    for decimal, text, a, b in ((gold, answer, one, other), (answer, gold, other, one)):
        found = _DECIMAL.fullmatch(decimal)
        if found and "." not in text and abs(a - b) <= Fraction(1, 10 ** len(found.group(1))):
            return a != 0 and b != 0
    return False


def _is_value(exact: str, decimal: str) -> bool:
    """Whether a long decimal is what an exact number is rounded (or cut) to."""
    places = len(decimal.partition(".")[2])
    return "." not in exact and float(decimal) != 0.0 and near(exact, decimal, 10.0**-places)
