"""Scorers that compare the extracted answer with the gold answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.scorers.base import Scorer
from olmo_eval.common.text import LABELS, normalize_number, normalize_squad
from olmo_eval.common.types import Instance, LMOutput


def answer_text(output: LMOutput) -> str | None:
    """The extracted answer as text; None where extraction found nothing."""
    answer = output.extracted_answer
    if isinstance(answer, list | tuple):
        answer = answer[0] if answer else None
    return None if answer is None else str(answer)


def gold_answers(instance: Instance) -> list[str]:
    """Every accepted answer: ``metadata["all_answers"]`` or else the gold answer."""
    several = instance.metadata.get("all_answers")
    if several:
        return [str(a) for a in several]
    gold = instance.gold_answer
    if isinstance(gold, list | tuple):
        return [str(a) for a in gold]
    return ["" if gold is None else str(gold)]


@frozen
class ExactMatchScorer(Scorer):
    """1 where the extracted answer equals the gold answer, character by character."""

    name = "exact_match"
    reads = "text"
    case_sensitive: bool = False
    strip: bool = True

    def _clean(self, text: str) -> str:
        text = text.strip() if self.strip else text
        return text if self.case_sensitive else text.lower()

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = answer_text(output)
        if answer is None:
            return 0.0
        return float(self._clean(answer) == self._clean(gold_answers(instance)[0]))


@frozen
class ExactMatchFlexScorer(Scorer):
    """1 where any extracted answer equals any gold answer after number normalisation.

    ``"$29.00"`` equals ``"29"``, ``"1,000"`` equals ``"1000"``; case and outer white space do
    not count.
    """

    name = "exact_match_flex"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        found: Any = output.extracted_answer
        if found is None:
            return 0.0
        candidates = found if isinstance(found, list | tuple) else [found]
        golds = {normalize_number(g).lower() for g in gold_answers(instance)}
        return float(any(normalize_number(str(c)).lower() in golds for c in candidates))


def token_f1(answer: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two bags of words; two empty bags agree (1), one empty bag does not (0)."""
    if not answer or not gold:
        return float(len(answer) == len(gold))
    common = sum((Counter(answer) & Counter(gold)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(answer), common / len(gold)
    return 2 * precision * recall / (precision + recall)


@frozen
class F1Scorer(Scorer):
    """Bag-of-words F1 against the best of the gold answers; words are split at white space."""

    name = "f1"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = answer_text(output)
        if answer is None:
            return 0.0
        words = answer.lower().split()
        return max(token_f1(words, gold.lower().split()) for gold in gold_answers(instance))


@frozen
class SQuADF1Scorer(Scorer):
    """F1 after SQuAD's normalisation, best of the gold answers (Rajpurkar et al. 2016)."""

    name = "squad_f1"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = answer_text(output)
        if answer is None:
            return 0.0
        words = normalize_squad(answer).split()
        golds = gold_answers(instance)
        return max(token_f1(words, normalize_squad(gold).split()) for gold in golds)


@frozen
class SubstringRecallScorer(Scorer):
    """Share of the gold answers that occur in the output, case aside."""

    name = "substring_recall"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        text = output.text.lower()
        golds = gold_answers(instance)
        return sum(gold.lower() in text for gold in golds) / len(golds)


@frozen
class MultipleChoiceScorer(Scorer):
    """1 where the extracted answer is the right choice: its letter, or its whole text."""

    name = "multiple_choice"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = answer_text(output)
        if answer is None:
            return 0.0
        answer = answer.strip()
        accepted = {instance.gold_text.strip().lower()}
        if instance.gold_index is not None:
            accepted.add(LABELS[instance.gold_index].lower())
        elif instance.gold_answer is not None:
            accepted.add(str(instance.gold_answer).strip().lower())
        return float(answer.strip("().: ").lower() in accepted or answer.lower() in accepted)
