"""What a reasoning model thinks aloud, told apart from its answer.

A thought stands between an opening and a closing tag. Chat templates of many models put the opening
tag into the prompt, so text up to a closing tag that nothing opened is a thought too. A text may
hold several thoughts; whatever stands outside of them is the answer. Inside a thought an opening
tag is plain text, and the next closing tag ends the thought.
"""

from __future__ import annotations

import re
from functools import cache

from attrs import frozen

#: the tags that most models use: Qwen, DeepSeek, OLMo and others
TAGS = ("<think>", "</think>")
#: how an output ended that stopped by itself within a thought: a ``finish_reason``
UNCLOSED = "thinking"

#: blank lines, and blanks that share a line with the tag before them
_GAP = re.compile(r"(?:[ \t]*\r?\n)+|[ \t]+")


@frozen
class Parted:
    """A text whose thoughts were told apart.

    ``reasoning`` is what was thought, without tags, several thoughts a blank line apart; None where
    the text holds no thought. ``closed`` is false where it ends within a thought: then it has no
    answer, whatever stands before that thought.
    """

    answer: str
    reasoning: str | None = None
    closed: bool = True


def part(text: str, tags: tuple[str, str] = TAGS) -> Parted:
    """``text`` with its thoughts told apart from its answer.

    Blank lines between a thought and the answer belong to neither; the indentation of the answer's
    first line stays. Case does not count in tags.
    """
    if tags[0][0] not in text and tags[1][0] not in text:
        return Parted(text)
    answers: list[str] = []
    thoughts: list[str] = []
    begin, thinking = 0, False
    for match in _pattern(tags).finditer(text):
        opens = match.group(1) is not None
        if opens and thinking:
            continue
        piece = text[begin : match.start()]
        if opens:
            answers.append(piece)
        elif thinking:
            thoughts.append(piece)
        else:  # what came before was thought aloud as well
            thoughts.append("".join([*answers, piece]))
            answers = []
        begin, thinking = match.end(), opens
    if not begin:
        return Parted(text)
    rest = text[begin:]
    (thoughts if thinking else answers).append(rest)
    reasoning = "\n\n".join(thought.strip() for thought in thoughts)
    return Parted("" if thinking else _joined(answers), reasoning, not thinking)


def _joined(answers: list[str]) -> str:
    """What stands outside of the thoughts, without the gap that each of them leaves."""
    first, *others = answers
    kept = [first] if first.strip() else []
    return "".join([*kept, *(_after_gap(text) for text in others)]) if others else _after_gap(first)


def _after_gap(text: str) -> str:
    gap = _GAP.match(text)
    return text if gap is None else text[gap.end() :]


@cache
def _pattern(tags: tuple[str, str]) -> re.Pattern[str]:
    opening, closing = map(re.escape, tags)
    return re.compile(f"({opening})|{closing}", re.IGNORECASE)
