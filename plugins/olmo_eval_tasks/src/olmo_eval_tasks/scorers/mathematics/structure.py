r"""What an answer is made of: members of a list, ends of an interval, cells of a matrix."""

from __future__ import annotations

import re

from attrs import frozen

from olmo_eval_tasks.scorers.mathematics.text import closing

_OPENING = (r"\{", r"\langle", "(", "[", "{")
_CLOSING = (r"\}", r"\rangle", ")", "]", "}")
#: what a pair of brackets makes of its members; other pairs are intervals, half open or closed
_KINDS = {r"\{\}": "set", "{}": "set", "()": "tuple", r"\langle\rangle": "tuple"}
_AND = re.compile(r",?\s*\\text\{\s*,?\s*(?:and|or)\s*\}\s*|(?<![a-zA-Z\\]),?\s*\b(?:and|or)\b\s*")
_MATRIX = re.compile(
    r"[(\[]?\s*\\begin\{(?P<name>[pbBvV]?matrix|smallmatrix|array)\}(?:\{[lcr| ]*\})?"
    r"(?P<cells>.*)\\end\{(?P=name)\}\s*[)\]]?",
    re.DOTALL,
)
_DETERMINANTS = ("vmatrix", "Vmatrix")


@frozen
class Members:
    """Several parts: ``kind`` is "list", "set", "tuple", "union" or the brackets of an interval."""

    kind: str
    parts: tuple[str, ...]

    @property
    def ordered(self) -> bool:
        return self.kind not in ("list", "set", "union")


def members(text: str) -> Members | None:
    """The parts of a list, set, tuple, interval or union; None where there is only one thing."""
    united = split(text, (r"\cup",))
    if len(united) > 1:
        return Members("union", tuple(united))
    parts = split(_AND.sub(",", text), (",", ";"))
    if len(parts) > 1:
        return Members("list", tuple(part for part in parts if part))
    bracketed = _bracketed(text)
    if bracketed is None:
        return None
    kind, inner = bracketed
    parts = split(inner, (",", ";"))
    if len(parts) > 1 or (kind == "set" and text.startswith("\\")):
        return Members(kind, tuple(parts))
    return None


def _bracketed(text: str) -> tuple[str, str] | None:
    """The kind of brackets around the whole of ``text``, and what is in them."""
    opening = next((o for o in _OPENING if text.startswith(o)), None)
    ending = next((c for c in _CLOSING if text.endswith(c)), None)
    if opening is None or ending is None:
        return None
    if opening != r"\langle" and closing(text, len(opening) - 1) != len(text) - 1:
        return None
    inner = text[len(opening) : -len(ending)].strip()
    return _KINDS.get(opening + ending, opening + ending), inner


def split(text: str, separators: tuple[str, ...]) -> list[str]:
    """``text`` at the separators outside all brackets."""
    pattern = re.compile("|".join(map(re.escape, separators)))
    parts, depth, start, position = [], 0, 0, 0
    while position < len(text):
        character = text[position]
        depth += (character in "([{") - (character in ")]}")
        found = pattern.match(text, position) if depth == 0 else None
        if found:
            parts.append(text[start : found.start()].strip())
            start = position = found.end()
        else:
            position += 1
    return [*parts, text[start:].strip()]


def matrix(text: str) -> tuple[bool, list[list[str]]] | None:
    """Whether it stands for a determinant, and the cells, row by row; None: it is no matrix."""
    found = _MATRIX.fullmatch(text)
    if found is None:
        return None
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", found.group("cells")) if row.strip()]
    rows = [row.replace(r"\hline", "") for row in rows]
    cells = [[cell.strip() for cell in row.split("&")] for row in rows]
    return found.group("name") in _DETERMINANTS, cells


def signs(text: str) -> tuple[str, ...]:
    r"""Both values where ``text`` has ``\pm``: ``1 \pm 2`` -> ``1 + 2`` and ``1 - 2``."""
    if not re.search(r"\\[pm][mp](?![a-zA-Z])", text):
        return (text,)
    both = []
    for plus, minus in ("+-", "-+"):
        one = re.sub(r"\\pm(?![a-zA-Z])", plus, text)
        both.append(re.sub(r"\\mp(?![a-zA-Z])", minus, one))
    return tuple(one.lstrip("+ ") for one in both)
