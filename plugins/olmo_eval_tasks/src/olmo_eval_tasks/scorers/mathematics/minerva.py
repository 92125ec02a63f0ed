r"""The published comparison of MATH's answers, once ``extract.minerva`` has normalised them.

Hendrycks et al. 2021 compare two answers as texts after rules of their own
(https://github.com/hendrycks/math, math_equivalence.py); published scores also take one expression
written in two ways. ``equality`` is the sound comparison.
"""

from __future__ import annotations

import re

from olmo_eval_tasks.scorers.mathematics.text import LONGEST, tidy


def is_equiv(gen: str, correct: str) -> bool:
    """Whether two normalised answers are one text, by Hendrycks' rules or as they stand, or one
    expression."""
    if not gen or not correct:
        return False
    if gen == correct or _hendrycks(gen) == _hendrycks(correct):
        return True
    if max(len(gen), len(correct)) > LONGEST:
        return False
    from olmo_eval_tasks.scorers.mathematics.expression import same_expression

    return same_expression(tidy(correct), tidy(gen))


_HENDRYCKS = (
    ("\n", ""),
    (r"\!", ""),
    (r"\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    (r"\left", ""),
    (r"\right", ""),
    (r"^{\circ}", ""),
    (r"^\circ", ""),
    (r"\$", ""),
    (r"\%", ""),
    ("%", ""),
    (" .", " 0."),
    ("{.", "{0."),
)


def _hendrycks(text: str) -> str:
    for before, after in _HENDRYCKS:
        text = text.replace(before, after)
    text = text.partition(r"\text{ ")[0]
    text = f"0{text}" if text.startswith(".") else text
    name, equals, value = text.partition("=")
    if equals and "=" not in value and len(name) <= 2:
        text = value
    text = re.sub(r"\\sqrt([^{])", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac([^{])([^{])", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac([^{])\{", r"\\frac{\1}{", text)
    text = r"\frac{1}{2}" if text == "0.5" else text
    return re.sub(r"^(-?\d+)/(-?\d+)$", r"\\frac{\1}{\2}", text)
