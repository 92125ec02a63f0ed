"""Counting sentences, words and capitals, and telling languages, as the published checker does.

The checker of 2023 used NLTK 3.8 with its English Punkt model, and langdetect. Later releases of
NLTK take curly quotes and dashes differently; what is built here on top of whichever release is
installed counts as 3.8 did. langdetect draws random numbers: it is seeded.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import Any

_LOCK = threading.Lock()
_WORD = re.compile(r"\w+")
#: an apostrophe before a single letter, in NLTK 3.8; and before a word, in later releases
_APOSTROPHE = r"(?i)(\')(?!re|ve|ll|m|t|s|d|n)(\w)\b"
_LATER_APOSTROPHE = r"(?i)(?<!\w)(\')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)"


def count_words(text: str) -> int:
    """Runs of letters, digits and underscores: "don't" is two."""
    return len(_WORD.findall(text))


def sentences(text: str) -> list[str]:
    """The sentences of an English text (Kiss and Strunk 2006)."""
    found: list[str] = _sentence_splitter().tokenize(text)
    return found


def words(text: str) -> list[str]:
    """Words and punctuation marks as the Penn Treebank splits them, sentence by sentence."""
    split = _word_splitter().tokenize
    return [word for sentence in sentences(text) for word in split(sentence)]


def language(text: str) -> str | None:
    """ISO 639-1 code of the language a text is written in; None where it has no letters to tell."""
    from langdetect.lang_detect_exception import LangDetectException

    detector = _detectors().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except LangDetectException:
        return None


def _detectors() -> Any:
    # Two threads at once would see a factory with some of its languages.
    with _LOCK:
        return _loaded_detectors()


@cache
def _loaded_detectors() -> Any:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.set_seed(0)
    return factory


def _sentence_splitter() -> Any:
    with _LOCK:
        return _loaded_sentence_splitter()


@cache
def _loaded_sentence_splitter() -> Any:
    import punkt
    from nltk.tokenize.punkt import PunktLanguageVars, PunktParameters, PunktSentenceTokenizer

    class English(PunktLanguageVars):  # type: ignore[misc]
        """Only straight quotes close a sentence or end a word."""

        re_boundary_realignment = re.compile(r'["\')\]}]+?(?:\s+|(?=--)|$)', re.MULTILINE)
        _re_non_word_chars = r"(?:[)\";}\]\*:@'\({\[!?])"

    model = punkt.load_model("english")
    learned = PunktParameters()
    learned.abbrev_types = set(model.abbrev_types)
    learned.collocations = set(model.collocations)
    learned.sent_starters = set(model.sent_starters)
    learned.ortho_context.update(model.ortho_context)
    return PunktSentenceTokenizer(learned, lang_vars=English())


@cache
def _word_splitter() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer

    def without(rules: list[Any], *patterns: str) -> list[Any]:
        return [rule for rule in rules if rule[0].pattern not in patterns]

    class Treebank(NLTKWordTokenizer):  # type: ignore[misc]
        """A dash joins both its sides, an apostrophe parts single letters, line ends stay."""

        STARTING_QUOTES = [
            *without(NLTKWordTokenizer.STARTING_QUOTES, _LATER_APOSTROPHE, _APOSTROPHE),
            (re.compile(_APOSTROPHE), r"\1 \2"),
        ]
        ENDING_QUOTES = without(NLTKWordTokenizer.ENDING_QUOTES, r"\s+")
        PUNCTUATION = without(NLTKWordTokenizer.PUNCTUATION, r"[\u2012-\u2015]")

    return Treebank()
