r"""Final answers of worked mathematics: finding them in a text, and bringing them into one form.

The form is that of Lewkowycz et al. 2022 (Minerva, appendix D), which published gold answers and
scores rest on: ``\frac34`` becomes ``\frac{3}{4}``, units and spaces go, ``x = 5`` becomes ``5``.
Its rules are plain text replacements, quirks included: the unit ``ft`` is also taken out of
``\left``. What two such forms have in common as mathematics is decided elsewhere.
"""

from __future__ import annotations

import re

#: longer texts are no answers; they are left alone, so that no text can take long
LONGEST_ANSWER = 2_000

_REPLACED = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    (r"\$", ""),
    (r"\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (r",\text{and}", ","),
    (r"\text{and}", ","),
    (r"\text{m}", r"\text{}"),
)
# fmt: off
_UNITS = (
    "square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours",
    "km", "units", "\\ldots", "sue", "points", "feet", "minutes", "digits",
    "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges",
    "students", "childrentickets", "multiples",
)
# fmt: on
_REMOVED = (
    *_UNITS,
    r"\text{s}",
    r"\text{.}",
    "\\text{\ns}",
    r"\text{}^2",
    r"\text{}^3",
    "\\text{\n}",
    r"\text{}",
    r"\mathrm{th}",
    r"^\circ",
    r"^{\circ}",
    r"\;",
    r",\!",
    "{,}",
    '"',
    r"\dots",
)
_UNWRAPPED = (
    (re.compile(r".*?\$(.*?)\$.*"), r"$\1$"),
    (re.compile(r"\\text\{(.*?)\}"), r"\1"),
    (re.compile(r"\\textbf\{(.*?)\}"), r"\1"),
    (re.compile(r"\\overline\{(.*?)\}"), r"\1"),
    (re.compile(r"\\boxed\{(.*)\}"), r"\1"),
    (re.compile(r"frac([^{])(.)"), r"frac{\1}{\2}"),
    (re.compile(r"sqrt([^{])"), r"sqrt{\1}"),
)
_ENDING = r":?(.*?)\.?\s*(?:I hope it is correct|\n|$)"
_STATED = re.compile(r"final answer:\s*the final answer is" + _ENDING, re.IGNORECASE)
_MENTIONED = re.compile(r"\b(?:final )?answer is" + _ENDING, re.IGNORECASE)


def normalize_answer(answer: str) -> str:
    """``answer`` in the form of Minerva's appendix D."""
    answer = answer.rpartition("=")[2]
    if len(answer) > LONGEST_ANSWER:
        return answer.strip()
    for before, after in _REPLACED:
        answer = answer.replace(before, after)
    for removed in _REMOVED:
        answer = answer.replace(removed, "")
    for pattern, kept in _UNWRAPPED:
        answer = pattern.sub(kept, answer)
    answer = answer.replace("$", "")
    without_commas = answer.replace(",", "")
    return without_commas if without_commas.isdigit() else answer


def last_boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}`` (or ``\boxed ...`` up to a dollar sign), or None."""
    if r"\boxed " in text:
        return text.rpartition(r"\boxed ")[2].partition("$")[0]
    start = max(text.rfind(command) for command in (r"\boxed{", r"\fbox{"))
    if start < 0:
        return None
    opening = text.index("{", start)
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[opening + 1 : position]
    return None


def _between_last_dollars(text: str) -> str | None:
    parts = text.rsplit("$", 2)
    return parts[1] if len(parts) == 3 else None


def answers_in(text: str) -> list[str]:
    """Every final answer that ``text`` states, normalised, each once.

    What follows "Final Answer: The final answer is" and what is boxed. Without either, what
    follows the last "answer is"; else the last formula between dollar signs; else the whole text.
    """
    stated, boxed = _STATED.search(text), last_boxed(text)
    candidates = [stated and stated.group(1), boxed]
    if candidates == [None, None]:
        candidates = [_last_mentioned(text) or _between_last_dollars(text) or text]
    normalized = (normalize_answer(c.strip()) for c in candidates if c is not None)
    return list(dict.fromkeys(answer for answer in normalized if answer))


def _last_mentioned(text: str) -> str | None:
    mentioned: list[str] = _MENTIONED.findall(text)
    if not mentioned:
        return None
    formula = mentioned[-1].split("$")
    return formula[1] if len(formula) > 2 else mentioned[-1]
