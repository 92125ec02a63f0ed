"""Small text tools shared by formatters and scorers."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olmo_eval.common.types import Instance

LABELS = string.ascii_uppercase

_FIELD = re.compile(r"\{(\w+)\}")
_CLOSING = re.compile(r"</(\w+)>")


def fill(template: str, values: Mapping[str, Any]) -> str:
    r"""Put ``values`` into the ``{name}`` fields of ``template``.

    Unlike ``str.format`` it leaves every other brace alone, so ``\boxed{}`` and JSON survive in
    templates as well as in values; a ``{name}`` that ``values`` lacks stays as it is.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(values[name]) if name in values else match.group(0)

    return _FIELD.sub(replace, template)


def fill_quoting(template: str, values: Mapping[str, Any]) -> str:
    r"""``fill``, where no value can end the tags that ``template`` puts around it.

    A closing tag of the template that stands in a value is written ``<\/tag>``: a text that is to
    be judged cannot step out of its place and speak for whoever asks.
    """
    tags = "|".join(map(re.escape, dict.fromkeys(_CLOSING.findall(template))))
    if not tags:
        return fill(template, values)
    closing = re.compile(rf"<\s*/\s*({tags})\s*>", re.IGNORECASE)
    return fill(template, {k: closing.sub(r"<\\/\1>", str(v)) for k, v in values.items()})


def template_values(instance: Instance, **more: Any) -> dict[str, Any]:
    """What a template may name: the instance's metadata, ``question``, ``answer``, and ``more``."""
    known = dict(instance.metadata)
    known.update(question=instance.question, answer=instance.gold_text, **more)
    return known


def labelled_choices(choices: tuple[str, ...], template: str) -> str:
    """One line a choice: ``template`` has ``{label}`` and ``{text}``, also called ``{choice}``."""
    if len(choices) > len(LABELS):
        raise ValueError(f"{len(choices)} choices, but only {len(LABELS)} letters to label them")
    pairs = zip(LABELS, choices, strict=False)
    return "\n".join(
        fill(template, {"label": label, "text": text, "choice": text}) for label, text in pairs
    )


#: typographic quotation marks and apostrophes, and what a keyboard writes
_QUOTES = str.maketrans(
    "\u2018\u2019\u201a\u201b\u02bc\u2032\u201c\u201d\u201e\u201f", "'" * 6 + '"' * 4
)


def canonical(text: str) -> str:
    """``text`` in Unicode's form NFC, with plain quotation marks and apostrophes: texts that look
    the same are the same."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(_QUOTES))


def fold(text: str) -> str:
    """``canonical`` text without case, for comparison: ``straße`` is ``STRASSE``, and the dotted
    capital of Turkish is an ``i``."""
    if text.isascii():
        return text.lower()
    return canonical(canonical(text).casefold().replace("i\u0307", "i"))


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_squad(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (Rajpurkar et al. 2016, SQuAD).

    As published, so that scores compare: without punctuation, ``3.14`` is ``314``, ``-5`` is ``5``.
    """
    text = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


#: categories of Unicode whose characters cannot be seen, or change how others are shown: control
#: and format characters (escape sequences, direction, zero width), surrogates, private use, and
#: separators of lines and paragraphs
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str) -> str:
    """``text`` that a terminal can be given whoever wrote it: what cannot be seen, or changes how
    other characters are shown, stands as its escape (``\\x1b``, ``\\u202e``). Line feeds and tabs
    stay; a carriage return before a line feed goes.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _UNSEEN:
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def shorten(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters, at least 100: of a longer one the middle is left
    out, and it says so."""
    if len(text) <= limit:
        return text
    mark = f"\n[... {len(text)} characters, the middle is left out ...]\n"
    kept = limit - len(mark)
    tail = kept // 3
    return f"{text[: kept - tail]}{mark}{text[len(text) - tail :]}"
