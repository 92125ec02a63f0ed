r"""Final answers of worked mathematics: what is in ``\boxed{}``, or what the text says they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from olmo_eval.common.numbers import NUMBER, legible

_BRACES = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
#: between two boxes that hold parts of one answer
_JOINT = re.compile(
    r"[\s$]*(?:[,;&]|\\q?quad|\\text\{)?\s*(?:and|or)?\s*\}?[\s$]*(?:[a-zA-Z]\s*=\s*)?"
)
_FINAL = re.compile(r"final\s+answer\W{0,6}\s*(?:is|:)|####", re.IGNORECASE)
_MENTIONED = re.compile(r"\banswer\W{0,4}\s*(?:is|:)", re.IGNORECASE)
_FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<display>(?:\\.|[^$\\])+)\$\$|(?<!\\)\$(?P<inline>(?:\\.|[^$\\])+)\$|"
    r"\\\((?P<round>(?:[^\\]|\\[^()])+)\\\)|\\\[(?P<square>(?:[^\\]|\\[^\[\]])+)\\\]",
    re.DOTALL,
)
_BOLD = re.compile(r"\*\*(?P<bold>[^*\n]+)\*\*")
_BETWEEN = re.compile(r"\s*(?:,|;|,?\s*and\b|,?\s*or\b)\s*")
_SENTENCE_END = re.compile(r"\n|\.(?=\s|$)|!(?=\s|$)|(?<=\s)I hope")
_SENTENCE = re.compile(r"[^\W\d_]{2,}\s+[^\W\d_]+\W")
_WORDS = re.compile(r"[^\W\d_]{2,}\s")
#: an answer is looked for in this many characters after the words that announce it
_NEAR = 2_000
#: more are a remark and not the answer, where there is a box as well
_FEW_WORDS = 8


def boxes(text: str) -> list[tuple[int, str]]:
    r"""Where every outermost ``\boxed{...}`` and ``\fbox{...}`` starts, and what is in it.

    One that is never closed is not counted, nor is the command without braces.
    """
    found: list[tuple[int, str]] = []
    opened: list[tuple[int, int] | None] = []
    for token in _BRACES.finditer(text):
        if token.group() == "{":
            opened.append(None)
        elif token.group() == "}":
            box = opened.pop() if opened else None
            if box is not None:
                start, content = box
                while found and found[-1][0] > start:
                    found.pop()  # an inner box
                found.append((start, text[content : token.start()]))
        elif token.group().endswith("{") and len(token.group()) > 2:
            opened.append((token.start(), token.end()))
    return found


def last_boxed(text: str) -> str | None:
    r"""What is in the last box, or None.

    Boxes that only commas, "and" or "or" part are one answer: ``\boxed{3}, \boxed{5}`` gives
    ``3, 5``.
    """
    found = _boxed_answer(text)
    return None if found is None else found[1]


def _boxed_answer(text: str) -> tuple[int, str] | None:
    found = boxes(text)
    if not found:
        return None
    start, last = found[-1]
    parts = [last]
    for before, content in reversed(found[:-1]):
        end = text.index("}", before + len(content)) + 1
        gap = text[end:start]
        if "\n\n" in gap or not gap.strip(" \n$") or not _JOINT.fullmatch(gap):
            break
        start = before
        parts.append(content)
    return start, ", ".join(dict.fromkeys(part.strip() for part in reversed(parts)))


def final_answer(text: str) -> str | None:
    r"""The final answer that ``text`` states, as it is written there, without its delimiters.

    The last box or the last "final answer is", whichever stands further down; else what follows
    the last "answer is" or "Answer:"; else the last formula; else the whole text. Of words with
    a number, such as "there are 42 of them", the last number is taken. None where there is no
    text.
    """
    boxed, stated = _boxed_answer(text), _stated(_FINAL, text)
    if boxed and stated and len(stated[1].split()) > _FEW_WORDS:
        stated = None  # "the final answer is positive, because ..." is a remark
    marked = [candidate for candidate in (boxed, stated) if candidate]
    if marked:
        return max(marked, key=lambda candidate: candidate[0])[1]
    mentioned = _stated(_MENTIONED, text)
    if mentioned:
        return mentioned[1]
    return _last_formula(text) or _number_in(text.strip()) or None


def _last_formula(text: str) -> str | None:
    formulas = list(_FORMULA.finditer(text))
    return _content(formulas[-1]) if formulas else None


def _content(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group is not None).strip()


def _stated(mark: re.Pattern[str], text: str) -> tuple[int, str] | None:
    """Where the last mark that an answer follows begins, and the answer."""
    marks = list(mark.finditer(text))
    for found in reversed(marks[-20:]):
        answer = _following(text[found.end() : found.end() + _NEAR])
        if answer:
            return found.start(), answer
    return None


def _following(rest: str) -> str | None:
    """The answer at the beginning of ``rest``: a box, formulas, what is bold, or the sentence."""
    rest = rest.lstrip(" \t\r\n:*_")
    end = _SENTENCE_END.search(rest)
    line = rest[: end.start()] if end else rest
    if box := last_boxed(_until_closed(rest, line)):
        return box
    joined = list(_joined_formulas(rest))
    if joined:
        return ", ".join(joined)
    bold = _BOLD.search(line)
    first = _FORMULA.search(line)
    if first and _WORDS.match(line):
        return _content(first)
    if bold and not _FORMULA.search(bold.group()):
        return bold.group("bold").strip(" .")
    return _number_in(line.strip(" \t*_.,;:")) or None


def _number_in(text: str) -> str:
    """The last number where ``text`` is a sentence; a month with its day is none."""
    if not _SENTENCE.match(text) or "\\" in text or "$" in text:
        return text
    numbers = NUMBER.findall(legible(text))
    return str(numbers[-1]) if numbers else text


def _until_closed(rest: str, line: str) -> str:
    """``line``, and more where a box begins in it and ends after it."""
    return rest if re.search(r"\\(?:boxed|fbox)\s*\{", line) else line


def _joined_formulas(rest: str) -> Iterator[str]:
    """The formulas that ``rest`` begins with: ``$3$, $5$ and $7$``."""
    position = 0
    while formula := _FORMULA.match(rest, position):
        yield _content(formula)
        joint = _BETWEEN.match(rest, formula.end())
        if not joint:
            return
        position = joint.end()
