r"""Units behind a quantity: ``35 miles``, ``35\text{ kg}``, ``35^\circ``, ``4 in^3``."""

from __future__ import annotations

import re

# fmt: off
_SYMBOLS = (
    "mm", "cm", "dm", "km", "m", "in", "ft", "yd", "mi", "kg", "mg", "g", "lb", "lbs", "oz",
    "ml", "mL", "l", "L", "s", "sec", "min", "h", "hr", "hrs", "ms", "Hz", "mph", "kph", "rpm",
    "N", "J", "kJ", "W", "kW", "V", "A", "K", "Pa", "eV", "mol", "rad", "sq", "cu",
)
#: other words for what a symbol says
_SYNONYMS = {
    "inch": "in", "inche": "in", "foot": "ft", "feet": "ft", "yard": "yd", "mile": "mi",
    "meter": "m", "metre": "m", "centimeter": "cm", "centimetre": "cm", "kilometer": "km",
    "kilometre": "km", "millimeter": "mm", "millimetre": "mm", "gram": "g", "kilogram": "kg",
    "pound": "lb", "ounce": "oz", "liter": "l", "litre": "l", "second": "s", "sec": "s",
    "minute": "min", "hour": "h", "hr": "h", "degree": "°", "deg": "°", "dollar": "$",
    "unit": "", "square unit": "", "sq unit": "", "cubic unit": "", "way": "", "point": "",
}
# fmt: on
_POWER = r"(?:\s*\^\s*\{?\s*-?\d\s*\}?)?"
_SYMBOL = rf"(?:{'|'.join(sorted(_SYMBOLS, key=len, reverse=True))}){_POWER}"
_MEASURE = rf"{_SYMBOL}(?:\s*(?:/|\\cdot|per)\s*{_SYMBOL}|\s+{_SYMBOL})*"
_WORD = r"[A-Za-z][A-Za-z.'-]+"
_QUANTITY = r"(?P<quantity>.*[\d})\]]|\\pi|.*\\pi)"
_UPRIGHT = re.compile(rf"{_QUANTITY}\s*\\text\{{(?P<unit>[^{{}}\d]*)\}}{_POWER}(?P<more>.*)")
_DEGREES = re.compile(rf"{_QUANTITY}\s*\^\s*\\circ\s*(?:\\text\{{)?[CF]?\}}?")
#: the argument of a function is an angle and keeps its degrees
_ANGLE_OF = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_PLAIN = re.compile(
    rf"(?P<quantity>-?[\d.,/]+|.*\\pi|.*[}})])\s*(?P<unit>\s{_WORD}(?:[ /]{_WORD}){{0,5}}{_POWER})"
)
_MEASURED = re.compile(rf"(?P<quantity>-?[\d.,/]+|.*\\pi|.*[}})])\s*(?P<unit>\s{_MEASURE})")
_JOINED = re.compile(r"(?P<quantity>-?[\d.,/]+)(?P<unit>mm|cm|km|kg|mph|ft|in|ml|mL)")


def split_unit(text: str) -> tuple[str, str]:
    """A quantity and its unit in one form; the unit is empty where there is none."""
    if (found := _DEGREES.fullmatch(text)) and not _ANGLE_OF.search(text):
        return found.group("quantity").strip(), "°"
    if (found := _UPRIGHT.fullmatch(text)) and _only_units(found.group("more")):
        unit = found.group().removeprefix(found.group("quantity"))
        return found.group("quantity").strip(), _form(unit)
    for pattern in (_MEASURED, _PLAIN, _JOINED):
        if found := pattern.fullmatch(text):
            return found.group("quantity").strip(), _form(found.group("unit"))
    return text, ""


def _only_units(text: str) -> bool:
    return not re.sub(rf"\\text\{{[^{{}}\d]*\}}{_POWER}|[\s/.]|\\cdot", "", text)


def _form(unit: str) -> str:
    unit = re.sub(r"\\text\{([^{}]*)\}", r" \1 ", unit)
    unit = re.sub(r"[{}]", "", unit).strip(" .")
    unit = re.sub(r"\s*\^\s*", "^", unit)
    words = [_singular(word) for word in unit.lower().split()]
    power = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3"}.get(words[0] if words else "")
    plain = " ".join(words)
    if plain in _SYNONYMS:
        return _SYNONYMS[plain]
    if power and len(words) == 2:
        return _SYNONYMS.get(words[1], words[1]) + power
    return " ".join(_SYNONYMS.get(word, word) for word in words)


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word
