"""The chosen letter in an answer to a lettered question.

``extract_mcq_answer`` reads what a careful person would; ``mmlu_pro_answer`` is the published rule
of MMLU-Pro, in its three steps.
"""

from __future__ import annotations

import re

from olmo_eval.common.letters import chosen_letter

_ANSWER_IS = re.compile(r"answer is \(?([A-J])\)?")
_ANSWER_COLON = re.compile(r".*[aA]nswer:\s*([A-J])")
_LAST = re.compile(r"\b[A-J]\b(?!.*\b[A-J]\b)", re.DOTALL)


def extract_mcq_answer(text: str) -> str | None:
    r"""The letter of the chosen answer, as a capital; None where none is named, or several are.

    ``ANSWER: B``, ``the answer is (B)``, ``\boxed{B}``: the last one counts; else the last
    ``**B**``; else the one label that lines begin with (``B``, ``B.``, ``(B) text``). A letter that
    is part of a word is none.
    """
    return chosen_letter(text)


def mmlu_pro_answer(text: str) -> str | None:
    """The letter as MMLU-Pro's published evaluation reads it (Wang et al. 2024): the first of the
    three rules below that finds one.

    Its rules are kept as they are: "the answer is Brazil" reads as B.
    """
    return mmlu_pro_answer_is(text) or mmlu_pro_answer_colon(text) or mmlu_pro_last_letter(text)


def mmlu_pro_answer_is(text: str) -> str | None:
    """The letter A to J after the first ``answer is``, with or without brackets."""
    match = _ANSWER_IS.search(text)
    return match[1] if match else None


def mmlu_pro_answer_colon(text: str) -> str | None:
    """The letter after the last ``Answer:`` of the first line that has one."""
    match = _ANSWER_COLON.search(text)
    return match[1] if match else None


def mmlu_pro_last_letter(text: str) -> str | None:
    """The last capital from A to J that stands alone."""
    match = _LAST.search(text)
    return match[0] if match else None
