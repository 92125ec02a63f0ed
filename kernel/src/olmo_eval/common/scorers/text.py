"""Scorers that compare the extracted answer with the gold answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.letters import chosen_letter
from olmo_eval.common.numbers import normalize_number
from olmo_eval.common.scorers.base import NoGoldError, Scorer
from olmo_eval.common.text import LABELS, canonical, fold, normalize_squad
from olmo_eval.common.types import Instance, LMOutput


def answer_text(output: LMOutput) -> str | None:
    """The extracted answer as text; None where extraction found nothing."""
    answer = output.extracted_answer
    if isinstance(answer, list | tuple):
        answer = answer[0] if answer else None
    return None if answer is None else str(answer)


def known_answers(instance: Instance) -> list[str]:
    """Every accepted answer that is not blank: ``metadata["all_answers"]``, else the gold answer
    (one, or a list of several), else the right choice. May be empty."""
    several: Any = instance.metadata.get("all_answers") or instance.gold_answer
    listed = several if isinstance(several, list | tuple) else [several]
    found = [str(answer) for answer in listed if answer is not None and str(answer).strip()]
    return found or ([instance.gold_text] if instance.gold_text.strip() else [])


def gold_answers(instance: Instance) -> list[str]:
    """``known_answers``, at least one.

    Raises:
        NoGoldError: there is none, so that no answer can be right or wrong.
    """
    found = known_answers(instance)
    if not found:
        raise NoGoldError("the instance has no gold answer")
    return found


@frozen
class ExactMatchScorer(Scorer):
    """1 where the extracted answer equals a gold answer.

    Texts are compared in Unicode's form NFC and with plain apostrophes and quotation marks; unless
    ``case_sensitive``, also without case. With ``strip_whitespace``, outer white space does not
    count.
    """

    name: str = "exact_match"
    version = 2
    reads = "text"
    case_sensitive: bool = False
    strip_whitespace: bool = True

    def _clean(self, text: str) -> str:
        text = text.strip() if self.strip_whitespace else text
        return canonical(text) if self.case_sensitive else fold(text)

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds = gold_answers(instance)
        answer = answer_text(output)
        if answer is None:
            return 0.0
        answer = self._clean(answer)
        return float(any(self._clean(gold) == answer for gold in golds))


@frozen
class ExactMatchFlexScorer(Scorer):
    """1 where any extracted answer equals any gold answer after number normalisation.

    ``"$29.00"`` equals ``"29"``, ``"1,000"`` equals ``"1000"``; case, outer white space and the
    shape of apostrophes do not count.
    """

    name: str = "exact_match_flex"
    version = 2
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds = {fold(normalize_number(gold)) for gold in gold_answers(instance)}
        found: Any = output.extracted_answer
        if found is None:
            return 0.0
        candidates = found if isinstance(found, list | tuple) else [found]
        return float(any(fold(normalize_number(str(c))) in golds for c in candidates))


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
    """Bag-of-words F1 against the best of the gold answers; words are split at white space.

    Punctuation counts, unlike in SQuAD's, and so do signs and decimal points of numbers.
    """

    name: str = "f1"
    version = 2
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds = gold_answers(instance)
        answer = answer_text(output)
        if answer is None:
            return 0.0
        words = fold(answer).split()
        return max(token_f1(words, fold(gold).split()) for gold in golds)


@frozen
class SQuADF1Scorer(Scorer):
    """F1 after SQuAD's normalisation, best of the gold answers (Rajpurkar et al. 2016).

    The normalisation is the published one, which drops all punctuation: ``3.14`` and ``314`` are
    one word to it, and so are ``-5`` and ``5``. ``f1`` tells them apart.
    """

    name: str = "squad_f1"
    version = 2
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds = gold_answers(instance)
        answer = answer_text(output)
        if answer is None:
            return 0.0
        words = normalize_squad(answer).split()
        return max(token_f1(words, normalize_squad(gold).split()) for gold in golds)


@frozen
class SubstringRecallScorer(Scorer):
    """Share of the gold answers that occur in the output, case and form of apostrophes aside."""

    name: str = "substring_recall"
    version = 2
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds = gold_answers(instance)
        text = fold(output.text)
        return sum(fold(gold) in text for gold in golds) / len(golds)


@frozen
class MultipleChoiceScorer(Scorer):
    """1 where the extracted answer is the right choice: its letter, or its whole text.

    The answer may be a letter, the text of a choice, or a whole chat answer that names a letter
    (``ANSWER: B``, ``the answer is (B)``); a letter that is part of a word is none. Where two
    choices have the right text, either counts.
    """

    name: str = "multiple_choice"
    version = 2
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        letters, texts = _right_choices(instance)
        answer = answer_text(output)
        if answer is None:
            return 0.0
        bare = fold(answer).strip("().: *\n\t")
        labels = LABELS[: len(instance.choices or LABELS)].lower()
        if len(bare) == 1 and bare in labels and letters:
            return float(bare in letters)
        others = {fold(choice).strip() for choice in instance.choices or ()} - texts
        for text in (fold(answer).strip(), bare):
            if text in texts or text in others:
                return float(text in texts)
        letter = chosen_letter(answer)
        return float(letter is not None and letter.lower() in letters)


def _right_choices(instance: Instance) -> tuple[set[str], set[str]]:
    """The letters and the texts that name the right choice, folded.

    Raises:
        NoGoldError: the instance does not say which choice is right.
    """
    index, choices = instance.gold_index, instance.choices or ()
    texts = {fold(gold).strip() for gold in gold_answers(instance)}
    if index is None:
        return {text for text in texts if len(text) == 1}, texts
    if choices:
        right = fold(choices[index]).strip()
        same = {i for i, choice in enumerate(choices) if fold(choice).strip() == right}
        return {LABELS[i].lower() for i in same}, {right}
    return {LABELS[index].lower()}, texts
