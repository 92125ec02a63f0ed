r"""Numbers as people write them, brought into one form.

Read alike: ``1,000`` ``10{,}000`` ``10,\!000`` ``10'000`` ``10 000`` (also with narrow spaces),
``1e3``, ``1 \times 10^3``, ``1/2``, ``\frac{1}{2}``, ``½``, a minus sign of Unicode, digits of any
script. The time ``3:00`` is 3; ``3:30`` stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from fractions import Fraction

#: numbers of more digits, or with larger exponents, are left as they are written
_MOST_DIGITS = 400

# A minus belongs to a number unless something stands before it: "-3", "= -$5", but not "10-3".
_SIGN = r"(?:(?<![\w)])-)?"
_PLAIN = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
_CLOCK = r"\d{1,2}:\d{2}(?![\d:])"
_POWER = r"\s*(?:\\times|\\cdot|[×x*])\s*10\s*\^\s*\{?\s*-?\d+\}?"
_RATIO = r"\d{1,15}/\d{1,15}(?![\d/]|[.,]\d)"
#: a number in a text that ``legible`` has made
NUMBER = re.compile(
    rf"{_SIGN}\$?(?:\\[dt]?frac\{{\d+\}}\{{\d+\}}|{_CLOCK}|"
    rf"(?<![\d/.,])(?:\d{{1,15}} )?{_RATIO}|{_PLAIN}(?:[eE][+-]?\d+(?!\w|\.\d)|{_POWER})?)"
)
_GROUP = r"(?=\d{3}(?!\d))"
#: what separates thousands besides the comma
_SEPARATOR = re.compile(
    rf"(?<=\d)(?:\{{,\}}|,?\\[!,;:]|\\ |~|['\u2019\u00a0\u2009\u202f\u066c]){_GROUP}"
)
#: groups of three digits after a blank, of which one begins with a zero, so that it is no number
_BLANKS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})* 0\d\d(?: \d{3})*(?![\d,]|\.\d)")
_ALL_BLANKS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d,]|\.\d)")
_SIGNS = str.maketrans({"\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\uff0c": ",", "\uff0e": "."})


def normalize_number(text: str) -> str:
    """``"$1,200.00"`` -> ``"1200"``, ``"1/2"`` -> ``"0.5"``; other text comes back stripped.

    A fraction that no decimal writes exactly stays one, reduced: ``"2/6"`` -> ``"1/3"``.
    """
    bare = legible(text.strip(), all_blanks=True).replace(",", "").replace("$", "").rstrip(".")
    value = _value(bare)
    return bare if value is None else _written(value)


def legible(text: str, *, all_blanks: bool = False) -> str:
    """``text`` with ASCII digits and signs, fractions as ``1/2`` and thousands with commas.

    Blanks between thousands are ambiguous in running prose ("5 100 gram bars"): there they count
    only before a group that begins with a zero, in a marked answer (``all_blanks``) always.
    """
    if not text.isascii():
        text = "".join(map(_ascii, text.translate(_SIGNS)))
    text = _SEPARATOR.sub(",", text)
    blanks = _ALL_BLANKS if all_blanks else _BLANKS
    return blanks.sub(lambda found: found.group().replace(" ", ","), text)


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    parts = unicodedata.normalize("NFKC", character).split("\u2044")
    return f" {parts[0]}/{parts[1]}" if len(parts) == 2 and all(parts) else character


_FRACTION = re.compile(r"(-?)(?:(\d+) )?(?:\\[dt]?frac\{(\d+)\}\{(\d+)\}|(\d+)/(\d+))")
_SCIENTIFIC = re.compile(r"(.+?)\s*(?:\\times|\\cdot|[×x*])\s*10\s*\^\s*\{?\s*(-?\d+)\}?")


def _value(bare: str) -> Fraction | None:
    if len(bare) > _MOST_DIGITS:
        return None
    if found := _FRACTION.fullmatch(bare.strip()):
        sign, whole, *parts = found.groups()
        above, below = (int(part) for part in parts if part is not None)
        value = int(whole or 0) + Fraction(above, below) if below else None
        return -value if value is not None and sign else value
    if clock := re.fullmatch(r"(\d{1,2}):00", bare):
        return Fraction(int(clock.group(1)))
    if power := _SCIENTIFIC.fullmatch(bare):
        bare = f"{power.group(1)}e{power.group(2)}"
    if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", bare):
        return None
    try:
        number = Decimal(bare)
    except InvalidOperation:
        return None
    return Fraction(number) if abs(number.adjusted()) <= _MOST_DIGITS else None


def _written(value: Fraction) -> str:
    """As a decimal where that is exact, else as a fraction."""
    below, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while below % prime == 0:
            below, power = below // prime, power + 1
        places = max(places, power)
    if below != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    whole, fraction = (digits[:-places], digits[-places:]) if places else (digits, "")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
