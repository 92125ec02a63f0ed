"""DROP's own evaluation (Dua et al. 2019): exact match and F1 of numbers, spans and lists of spans.

A span is split at blanks and hyphens; every token is put in lower case, loses its punctuation
unless it is a number, becomes a float if it is one, and is dropped if it is an article. Spans are
matched one to one so that the sum of their F1 is greatest, and the sum is divided by the larger
number of spans. A gold span with numbers earns nothing from a span that has none of them. The F1 of
an instance is rounded to two digits, and the best accepted answer counts.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _number(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def _token(token: str) -> str:
    token = token.lower()
    if _number(token) is None:
        token = token.translate(_PUNCTUATION)
    if (number := _number(token)) is not None:
        return str(number)
    return " ".join(_ARTICLES.sub(" ", token).split())


def normalized(span: str) -> str:
    """A span as it is compared: its tokens between single blanks."""
    tokens = (_token(token) for token in re.split(" |-", span))
    return " ".join(token for token in tokens if token.strip()).strip()


def spans_of(answer: Any) -> list[str]:
    """The normalised spans of an answer: a text is one, a list several."""
    several = answer if isinstance(answer, list | tuple) else [answer]
    return [normalized(str(span)) for span in several]


def _bag_f1(answer: set[str], gold: set[str]) -> float:
    gold_numbers = {token for token in gold if _number(token) is not None}
    if gold_numbers and not gold_numbers & answer:
        return 0.0
    common = len(answer & gold)
    precision = common / len(answer) if answer else 1.0
    recall = common / len(gold) if gold else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def span_f1(answer: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two lists of normalised spans, rounded to two digits."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    bags = [set(span.split()) for span in answer]
    wanted = [set(span.split()) for span in gold]
    scores = np.array([[_bag_f1(bag, want) for bag in bags] for want in wanted])
    rows, columns = linear_sum_assignment(-scores)
    return round(float(scores[rows, columns].sum()) / max(len(bags), len(wanted)), 2)


def accepted(instance: Instance) -> list[list[str]]:
    """The spans of every accepted answer (``metadata["all_answers"]``, else the gold answer)."""
    several = instance.metadata.get("all_answers") or [instance.gold_answer]
    return [spans_of(answer) for answer in several]


def _given(output: LMOutput) -> list[str] | None:
    """The spans that were answered; None where nothing was."""
    answer = output.extracted_answer
    if answer is None or not str(answer).strip():
        return None
    return spans_of(answer)


@frozen
class DROPF1Scorer(Scorer):
    """DROP's F1 with the best of the accepted answers."""

    name: str = "drop_f1"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        spans = _given(output)
        return 0.0 if spans is None else max(span_f1(spans, gold) for gold in accepted(instance))


@frozen
class DROPExactMatchScorer(Scorer):
    """1 where the spans are those of an accepted answer, in any order."""

    name: str = "drop_exact_match"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        spans = _given(output)
        if spans is None:
            return 0.0
        return float(any(sorted(spans) == sorted(gold) for gold in accepted(instance)))
