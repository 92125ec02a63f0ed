r"""LaTeX, Unicode and plain typing of mathematics, brought into one LaTeX.

Nothing here decides what is equal; it only undoes what does not show on paper: ``\dfrac``,
``\left(``, thin spaces, ``√2`` for ``\sqrt{2}``, ``2*pi`` for ``2\cdot\pi``, ``\frac12`` for
``\frac{1}{2}``, thousands separators, doubled backslashes.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

#: longer texts are no answers; they are compared as they stand
LONGEST = 2_000

# fmt: off
_UNICODE = str.maketrans({
    "−": "-", "–": "-", "﹣": "-", "－": "-", "‐": "-", "‑": "-",
    "√": r"\sqrt ", "π": r"\pi ", "∞": r"\infty ", "°": r"^\circ ", "×": r"\times ",
    "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": r"\div ", "≤": r"\le ", "≥": r"\ge ",
    "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
    "±": r"\pm ", "∓": r"\mp ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}",
    "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "λ": r"\lambda ",
    "φ": r"\phi ", "ω": r"\omega ", "⟨": r"\langle ", "⟩": r"\rangle ", "∖": r"\setminus ",
    "′": "'", "’": "'", "，": ",", "．": ".", "％": "%", "∛": r"\sqrt[3]",
    "\u00a0": " ", "\u2009": r"\,", "\u202f": r"\,", "\u200b": "", "\u2061": "",
})
# fmt: on
_SAME_COMMANDS = (
    (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
    (r"\\(?:left|right)\s*\.", ""),
    (r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])\s*", ""),
    (r"\\(?:displaystyle|textstyle|limits|nolimits|boldsymbol)(?![a-zA-Z])", ""),
    (r"\\(?:geq|geqslant)(?![a-zA-Z])", r"\\ge"),
    (r"\\(?:leq|leqslant)(?![a-zA-Z])", r"\\le"),
    (r"\\neq(?![a-zA-Z])", r"\\ne"),
    (r"\\(?:lt)(?![a-zA-Z])", "<"),
    (r"\\(?:gt)(?![a-zA-Z])", ">"),
    (r"\\(?:lbrace)(?![a-zA-Z])", r"\\{"),
    (r"\\(?:rbrace)(?![a-zA-Z])", r"\\}"),
    (r"\\(?:lbrack)(?![a-zA-Z])", "["),
    (r"\\(?:rbrack)(?![a-zA-Z])", "]"),
    (r"\\(?:[lr]?vert|mid)(?![a-zA-Z])", "|"),
    (r"\\varnothing(?![a-zA-Z])", r"\\emptyset"),
    (r"\\\{\s*\\\}", r"\\emptyset"),
    (r"\\[hv]?phantom\{[^{}]*\}|\\hspace\*?\{[^{}]*\}", " "),
    (r"\\(?:cdotp|ast)(?![a-zA-Z])|(?<!\*)\*(?!\*)", r"\\cdot "),
    (r"\*\*", "^"),
    (r"\\degrees?(?![a-zA-Z])|\^\s*\{\s*\\circ\s*\}", r"^\\circ "),
    (r"\\%", "%"),
    (r"(?<![a-z])\{:\}", ":"),
    (r"^\s*\\(?:approx|simeq|sim)(?![a-zA-Z])", ""),
    (r"\\\$|(?<!\\)\$", ""),
    (r"\\dots(?![a-zA-Z])|\\cdots(?![a-zA-Z])|…", r"\\ldots "),
)
_ONE_TEXT = re.compile(
    r"\\(?:mbox|textrm|textbf|textit|textnormal|textup|text|mathrm|mathbf|mathit|mathsf|"
    r"operatorname)\*?\s*\{"
)
#: what LaTeX sets as thousands separators; a plain comma may also part a list
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,?\s*\\!|,?\\[,;:]|\\ |')\s*(?=\d{3}(?!\d))")
_SPACE = re.compile(r"\\\\|\\[,;:! ]|\\q?quad(?![a-zA-Z])|~")
_PLAIN_NAMES = re.compile(
    r"(?<![\\a-zA-Z])(sqrt|pi|sin|cos|tan|cot|sec|csc|log|ln|arcsin|arccos|arctan|theta|infty)"
    r"(?![a-zA-Z])"
)
_RECURRING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{(\d+)\}|(\d))")
_SCIENTIFIC = re.compile(r"(-?\d+(?:\.\d+)?)[eE]\+?(-?\d{1,4})")
_MIXED = re.compile(r"(-?)(\d{1,9})\s*(?:\\frac\{(\d{1,9})\}\{(\d{1,9})\}|\s(\d{1,9})/(\d{1,9}))")


def tidy(text: str) -> str:
    """``text`` in the LaTeX that the other modules read, without dollar signs and final stop."""
    text = text.strip()
    if len(text) > LONGEST:
        return text
    text = _halved(_from_unicode(text)).strip("*").strip()
    text = _THOUSANDS.sub("", text)
    text = _SPACE.sub(lambda m: m.group() if m.group() == r"\\" else " ", text)
    for pattern, kept in _SAME_COMMANDS:
        text = re.sub(pattern, kept, text)
    text = _PLAIN_NAMES.sub(lambda m: f"\\{m.group(1)} ", text)
    text = _texts(text)
    text = re.sub(r"\^\s*(\d{2,})", r"^{\1}", text)
    text = _grouped_arguments(text)
    text = _RECURRING.sub(_recurring, text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?:\\ |[\s.,;:])+$", "", text)
    if scientific := _SCIENTIFIC.fullmatch(text):
        return rf"{scientific.group(1)}\cdot 10^{{{scientific.group(2)}}}"
    return _mixed(text)


def compact(text: str) -> str:
    """For comparing two tidy texts: without white space and without braces around one sign."""
    text = "".join(text.split())
    return re.sub(r"(?<=[\^_])\{(\w)\}", r"\1", text)


def _from_unicode(text: str) -> str:
    if text.isascii():
        return text
    return "".join(map(_in_ascii, text.translate(_UNICODE)))


def _in_ascii(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    if unicodedata.decomposition(character).startswith("<super>") and plain.isascii():
        return f"^{{{plain}}}"
    above, slash, below = plain.partition("\u2044")
    return rf"\frac{{{above}}}{{{below}}}" if slash else character


def _halved(text: str) -> str:
    r"""Without the backslashes that quoting doubled; ``\\`` alone ends a row of a matrix."""
    if r"\\begin" in text:
        return text.replace(r"\\", "\\")
    if r"\begin" in text:
        return text
    return re.sub(r"\\\\(?=[a-zA-Z{}()\[\],;:!])", r"\\", text)


def _texts(text: str) -> str:
    r"""Every command for upright text as ``\text{...}``; around one letter or a number, none."""
    text = _ONE_TEXT.sub(r"\\text{", text)
    text = re.sub(r"\{\s*\\(?:rm|bf|it)\s+([^{}]*)\}", r"\\text{\1}", text)
    text = re.sub(r"\\text\{\s*([A-Za-z]|-?[\d.,]+)\s*\}", r"\1", text)
    text = re.sub(r"\\text\{([^{}]*[\d,][^{}]*|[^{}a-zA-Z]*)\}", r" \1 ", text)
    return re.sub(r"\\text\{\s*\(?\s*([A-Za-z])\s*\)\s*\}", r"(\1)", text)


def _grouped_arguments(text: str) -> str:
    r"""Braces around every argument of ``\frac`` and ``\sqrt``, and ``^{...}`` for ``^(...)``."""
    made, position = [], 0
    for command in re.finditer(r"\\frac(?![a-zA-Z])|\\sqrt(?![a-zA-Z])|\^\s*(?=\()", text):
        if command.start() < position:
            continue
        end = command.end()
        pieces = []
        if command.group() == r"\sqrt" and text[end : end + 1] == "[":
            close = text.find("]", end)
            pieces.append(text[end : close + 1])
            end = close + 1 if close > 0 else end
        for _ in range(2 if command.group() == r"\frac" else 1):
            argument, end = _argument(text, end)
            pieces.append("{" + _grouped_arguments(argument) + "}")
        made.append(text[position : command.start()] + command.group().strip() + "".join(pieces))
        position = end
    return "".join(made) + text[position:]


def _argument(text: str, start: int) -> tuple[str, int]:
    """The argument that begins at ``start`` as TeX reads it, and where it ends."""
    while text[start : start + 1] == " ":
        start += 1
    if text[start : start + 1] in ("{", "("):
        close = closing(text, start)
        return (text[start + 1 : close], close + 1) if close else (text[start + 1 :], len(text))
    command = re.compile(r"\\[a-zA-Z]+ ?").match(text, start)
    end = command.end() if command else start + 1
    return text[start:end], end


def closing(text: str, start: int) -> int | None:
    """Where the bracket that opens at ``start`` is closed, by whichever bracket."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in "([{") - (text[position] in ")]}")
        if depth == 0:
            return position
    return None


def _recurring(found: re.Match[str]) -> str:
    r"""``0.1\overline{6}`` -> ``\frac{1}{6}``."""
    whole, fixed, *repeated = found.groups()
    period = repeated[0] or repeated[1]
    tail = Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
    value = Fraction(int(whole or 0)) + Fraction(int(fixed or 0), 10 ** len(fixed)) + tail
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _mixed(text: str) -> str:
    r"""``1\frac{1}{2}`` -> ``\frac{3}{2}``: one and a half, not a product."""
    found = _MIXED.fullmatch(text)
    if not found:
        return text
    above, below = (int(part) for part in found.groups()[2:] if part is not None)
    return rf"{found.group(1)}\frac{{{int(found.group(2)) * below + above}}}{{{below}}}"
