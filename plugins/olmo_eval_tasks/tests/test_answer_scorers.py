"""Scorers of short answers: DROP's, SQuAD's, mentions, lists; and TruthfulQA's mass."""

from __future__ import annotations

import math
from typing import Any

import pytest

from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, Response
from olmo_eval_tasks.scorers.answers import AnyMentionScorer, JaccardScorer, SQuADExactMatchScorer
from olmo_eval_tasks.scorers.drop import DROPExactMatchScorer, DROPF1Scorer, normalized
from olmo_eval_tasks.scorers.truth import TrueMassMetric


def score(scorer: Scorer, answer: Any, *golds: Any) -> float:
    instance = Instance("q", golds[0], metadata={"all_answers": list(golds)})
    return scorer.score(instance, LMOutput(str(answer), extracted_answer=answer))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The  Lions", "lions"),
        ("12", "12.0"),
        ("12.50", "12.5"),
        ("12-yard run", "12.0 yard run"),
        ("A. Smith's", "smiths"),
        ("1,000", "1000.0"),
        ("a", ""),
    ],
)
def test_drop_normalises_token_by_token(text: str, tokens: str) -> None:
    assert normalized(text) == tokens


@pytest.mark.parametrize(
    ("answer", "golds", "f1", "exact"),
    [
        ("5", (["5"],), 1.0, 1.0),
        ("5.0", (["5"],), 1.0, 1.0),
        ("five", (["5"], ["five"]), 1.0, 1.0),
        ("6", (["5"],), 0.0, 0.0),
        ("5 yards", (["5"],), 0.67, 0.0),
        ("6 yards", (["5 yards"],), 0.0, 0.0),
        ("the Lions", (["Lions"],), 1.0, 1.0),
        ("Detroit Lions", (["Lions"],), 0.67, 0.0),
        (["Jon", "Ida"], (["Ida", "Jon"],), 1.0, 1.0),
        (["Ida"], (["Ida", "Jon"],), 0.5, 0.0),
        ("Ida", (["Ida", "Jon"],), 0.5, 0.0),
        (["Ida", "Jon", "Kai"], (["Ida", "Jon"],), 0.67, 0.0),
        ("3 May 1891", (["3 May 1891"],), 1.0, 1.0),
        ("May 1891", (["3 May 1891"],), 0.8, 0.0),
        ("", (["5"],), 0.0, 0.0),
        ("", (["a"],), 0.0, 0.0),
    ],
)
def test_drop_aligns_spans_and_wants_numbers(
    answer: Any, golds: tuple[Any, ...], f1: float, exact: float
) -> None:
    assert score(DROPF1Scorer(), answer, *golds) == pytest.approx(f1)
    assert score(DROPExactMatchScorer(), answer, *golds) == exact


@pytest.mark.parametrize(
    ("answer", "value"),
    [("the Nile.", 1.0), ("NILE", 1.0), ("Nile river", 0.0), ("", 0.0), ("the", 0.0)],
)
def test_squad_exact_match_sees_no_articles_and_punctuation(answer: str, value: float) -> None:
    assert score(SQuADExactMatchScorer(), answer, "Nile") == value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("He is a Politician by trade", 1.0),
        ("a  police\nofficer", 1.0),
        ("pilot", 0.0),
        ("", 0.0),
    ],
)
def test_any_accepted_answer_may_be_mentioned(answer: str, value: float) -> None:
    assert score(AnyMentionScorer(), answer, "politician", "police officer", "") == value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("ABC1, XYZ2", 1.0),
        ("xyz2; abc1.", 1.0),
        ("- ABC1\n- XYZ2", 1.0),
        ("ABC1 and XYZ2", 1.0),
        ("ABC1", 0.5),
        ("ABC1, QRS3", 1 / 3),
        ("", 0.0),
    ],
)
def test_names_are_compared_as_sets(answer: str, value: float) -> None:
    assert score(JaccardScorer(), answer, "ABC1, XYZ2") == pytest.approx(value)


def test_the_true_answers_share_of_the_probability() -> None:
    instance = Instance("q", "x", choices=("x", "y", "z"), metadata={"true": [0, 1]})
    shares = {"x": 0.2, "y": 0.1, "z": 0.1}
    outputs = tuple(LMOutput(text, sum_logprob=math.log(p)) for text, p in shares.items())
    response = Response("i", instance, LMRequest(RequestType.LOGLIKELIHOOD), outputs)

    assert TrueMassMetric().value(response) == pytest.approx(0.75)


def test_the_share_is_known_where_probabilities_vanish() -> None:
    instance = Instance("q", "x", choices=("x", "y"), metadata={"true": [0]})
    outputs = (LMOutput("x", sum_logprob=-5_000.0), LMOutput("y", sum_logprob=-5_000.0))
    response = Response("i", instance, LMRequest(RequestType.LOGLIKELIHOOD), outputs)

    assert TrueMassMetric().value(response) == pytest.approx(0.5)
