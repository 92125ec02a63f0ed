"""Scorers of short answers: equal but for how they are written, mentioned, or a list of names."""

from __future__ import annotations

import re
import unicodedata

from attrs import frozen

from olmo_eval.common.scorers import Scorer
from olmo_eval.common.scorers.text import answer_text, gold_answers
from olmo_eval.common.text import normalize_squad
from olmo_eval.common.types import Instance, LMOutput


@frozen
class SQuADExactMatchScorer(Scorer):
    """1 where the answer equals an accepted one after SQuAD's normalisation: case, punctuation,
    articles and spacing do not count (Rajpurkar et al. 2016)."""

    name: str = "squad_exact_match"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = answer_text(output)
        if answer is None or not answer.strip():
            return 0.0
        golds = {normalize_squad(gold) for gold in gold_answers(instance)}
        return float(normalize_squad(answer) in golds)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


@frozen
class AnyMentionScorer(Scorer):
    """1 where any accepted answer stands in what the model wrote, case and spacing aside."""

    name: str = "any_mention"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        text = _folded(answer_text(output) or "")
        golds = [_folded(gold) for gold in gold_answers(instance)]
        return float(any(gold in text for gold in golds if gold))


_BETWEEN = re.compile(r"[,;\n]|\s+and\s+|\s*\u2022\s*")


def names_in(text: str) -> set[str]:
    """The names of a list in words: split at commas, semicolons, lines and "and"."""
    parts = (re.sub(r"^\s*(?:[-*]|\d+[.)])\s+", "", part) for part in _BETWEEN.split(text))
    return {name for part in parts if (name := _folded(part).strip(" .'\"`*"))}


@frozen
class JaccardScorer(Scorer):
    """Names in both lists divided by names in either: 1 where they are the same."""

    name: str = "jaccard"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        given = names_in(answer_text(output) or "")
        gold = {name for answer in gold_answers(instance) for name in names_in(answer)}
        return len(given & gold) / len(given | gold) if given and gold else 0.0
