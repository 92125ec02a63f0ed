r"""Which of the lettered choices a text names.

A letter counts where the text says that it is the answer (``ANSWER: B``, ``the answer is (B)``,
``\boxed{B}``, ``**B**``), or where it labels the answer (``B``, ``B.``, ``(B) the text of the
choice``). A letter inside a word, an article ("the answer is a matter of taste") or one of several
("A or B") names nothing.
"""

from __future__ import annotations

import re

# A letter by itself, bare or in brackets, bold, as LaTeX text; not "Bob", "B-side", "C++" or "A's".
_OPEN = r"(?:\*\*|__|\$|\\text(?:bf)?\{|\\mathrm\{|\(|\[|\{|[\"'`“‘])*"
_LETTER = r"(?<![A-Za-z0-9_])([A-Za-z])(?![A-Za-z0-9_+#]|[-'’][A-Za-z])"
_MARK = rf"{_OPEN}{_LETTER}"

_STATED = re.compile(
    r"(?:\b(?:answer|choice|option)\b(?:[ \t]+(?:would|must|should|has[ \t]+to))?"
    r"(?:\*\*|__|[\"'])*[ \t]*(?::|=|\bis\b|\bbe\b)(?:[ \t]*(?::|\*\*|__))*"
    r"(?:[ \t\n]*(?:\b(?:option|choice|letter|indeed|clearly|therefore|thus)\b)[ \t:,]*)*"
    r"|\\boxed\b[ \t]*|\\fbox\b[ \t]*)"
    rf"[ \t\n]*{_MARK}",
    re.IGNORECASE,
)
_BOLD = re.compile(rf"(?:\*\*|__)[ \t]*\(?{_LETTER}\)?(?:[.:)][^*\n]*)?[ \t]*(?:\*\*|__)")
_LABEL = re.compile(
    rf"^[ \t]*(?:\*\*|__)?(?:\({_LETTER}\)|\[{_LETTER}\]|{_LETTER}(?=[.):]|[ \t]*$))", re.MULTILINE
)
# What stands between one letter and another that shares its place: "A or B", "A/B", "(A) and (B)".
_ANOTHER = re.compile(
    r"[)\]}*_\"'`”’]*[ \t]*(?:/|&|\bor\b|\band\b"
    r"|,(?=[ \t]*[(\[]?[A-Z][)\]]?[ \t]*(?:,|and\b|or\b|[.\n]|$)))"
    r"[ \t]*(?:option[ \t]+|choice[ \t]+)?[(\[*]*[A-Z](?![A-Za-z0-9_'’])"
)
# What may follow a bare "A" or "I" or a small letter that is no word: the end of the statement.
_ENDS = re.compile(
    r"[ \t]*(?:[.,;:!?)\]}*_\"'`”’$\\]|\n|$|[-–—]|\((?!s\))"
    r"|(?:because|since|as|for|which|but|not|due|and|with)\b)"
)
#: capitals that are English words
_WORDS = frozenset("AI")


def chosen_letter(text: str) -> str | None:
    """The letter, as a capital, of the choice that ``text`` names as its answer; None where it
    names none, or several at once.

    The last statement of an answer counts, then the last letter in bold, then the one letter that
    labels a line.
    """
    for pattern in (_STATED, _BOLD):
        found = [m for m in pattern.finditer(text) if _is_letter(text, m)]
        if found:
            last = found[-1]
            return None if _ANOTHER.match(text, last.end(_group(last))) else _named(last)
    labels = [m for m in _LABEL.finditer(text) if _ANOTHER.match(text, m.end()) is None]
    letters = {_named(match) for match in labels}
    return letters.pop() if len(letters) == 1 else None


def _group(match: re.Match[str]) -> int:
    return match.lastindex or 0


def _named(match: re.Match[str]) -> str:
    return match[_group(match)].upper()


def _is_letter(text: str, match: re.Match[str]) -> bool:
    """Whether what was found is a label, and not a word of one letter or a slip of the pattern."""
    letter = match[_group(match)]
    if letter.isupper() and letter not in _WORDS:
        return True
    return _ENDS.match(text, match.end(_group(match))) is not None
