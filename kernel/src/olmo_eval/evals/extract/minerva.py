r"""Final answers of worked mathematics as Minerva reads and normalises them.

Lewkowycz et al. 2022 (https://arxiv.org/abs/2206.14858, appendix D) bring an answer into one form
by plain text replacements, quirks included: everything before the last ``=`` goes, the unit ``ft``
is also taken out of ``\left``, ``\pi r`` becomes ``\pir``. Published scores rest on these rules, so
that they stay as they are; ``boxed`` reads what a careful person would.
"""

from __future__ import annotations

import re

from olmo_eval.evals.extract.boxed import last_boxed

#: longer texts are no answers; they are left alone, so that no text can take long
_LONGEST = 2_000
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


def normalize_final_answer(final_answer: str) -> str:
    """``final_answer`` in the form of Minerva's appendix D."""
    answer = final_answer.rpartition("=")[2]
    if len(answer) > _LONGEST:
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


def extract_math_answer(result: str) -> list[str]:
    """Every final answer that ``result`` states, normalised, each once; any of them may be right.

    What follows "Final Answer: The final answer is" and what is boxed. Without either, what
    follows the last "answer is"; else the last formula between dollar signs; else the whole text.
    """
    stated, boxed = _STATED.search(result), _boxed(result)
    candidates = [stated and stated.group(1), boxed]
    if candidates == [None, None]:
        candidates = [_last_mentioned(result) or _between_last_dollars(result) or result]
    normalized = (normalize_final_answer(c.strip()) for c in candidates if c is not None)
    return list(dict.fromkeys(answer for answer in normalized if answer))


class MathExtractor:
    """``extract_math_answer`` as packs call it: ``MathExtractor.extract_answer(text)``."""

    extract_answer = staticmethod(extract_math_answer)


def _boxed(text: str) -> str | None:
    r"""The last box; also ``\boxed ...`` up to a dollar sign, which the published rule reads."""
    if r"\boxed " in text:
        return text.rpartition(r"\boxed ")[2].partition("$")[0]
    return last_boxed(text)


def _between_last_dollars(text: str) -> str | None:
    parts = text.rsplit("$", 2)
    return parts[1] if len(parts) == 3 else None


def _last_mentioned(text: str) -> str | None:
    mentioned: list[str] = _MENTIONED.findall(text)
    if not mentioned:
        return None
    formula = mentioned[-1].split("$")
    return formula[1] if len(formula) > 2 else mentioned[-1]
