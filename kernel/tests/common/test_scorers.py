"""From one output to one number."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.scorers import (
    BitsPerByteScorer,
    ExactMatchFlexScorer,
    ExactMatchScorer,
    F1Scorer,
    LogprobScorer,
    MultipleChoiceScorer,
    PerplexityScorer,
    Scorer,
    SQuADF1Scorer,
    SubstringRecallScorer,
)
from olmo_eval.common.scorers.text import token_f1
from olmo_eval.common.types import Instance, LMOutput


def score(scorer: Scorer, gold: Any, answer: Any, **metadata: Any) -> float:
    instance = Instance("?", gold_answer=gold, metadata=metadata)
    return scorer.score(instance, LMOutput(str(answer), extracted_answer=answer))


@pytest.mark.parametrize(
    ("scorer", "answer", "expected"),
    [
        (ExactMatchScorer(), " paris ", 1.0),
        (ExactMatchScorer(case_sensitive=True), "paris", 0.0),
        (ExactMatchScorer(strip_whitespace=False), "Paris ", 0.0),
        (ExactMatchScorer(), "London", 0.0),
        (ExactMatchScorer(), None, 0.0),
        (ExactMatchScorer(), "", 0.0),
    ],
)
def test_exact_match(scorer: Scorer, answer: Any, expected: float) -> None:
    assert score(scorer, "Paris", answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("$29.00", 1.0), ("29", 1.0), (["1", "29."], 1.0), ("30", 0.0), (None, 0.0), ([], 0.0)],
)
def test_flexible_match_normalises_numbers(answer: Any, expected: float) -> None:
    assert score(ExactMatchFlexScorer(), "29", answer) == expected


def test_flexible_match_takes_any_accepted_answer() -> None:
    assert score(ExactMatchFlexScorer(), "x", "1,000", all_answers=["999", "1000"]) == 1.0


def test_f1_counts_words_against_the_best_gold_answer() -> None:
    assert score(F1Scorer(), "red cat", "a red cat") == pytest.approx(0.8)
    assert score(F1Scorer(), "x", "red cat", all_answers=["blue", "red cat"]) == 1.0
    assert score(SQuADF1Scorer(), "The Cat!", "cat") == 1.0
    assert score(SQuADF1Scorer(), "cat", "") == 0.0
    assert score(F1Scorer(), "cat", None) == 0.0


@pytest.mark.parametrize(
    ("gold", "answer", "published"),
    [("3.14", "314", 1.0), ("-5", "5", 1.0), ("3.14", "3.14", 1.0)],
)
def test_squad_drops_punctuation_as_published_and_f1_does_not(
    gold: str, answer: str, published: float
) -> None:
    assert score(SQuADF1Scorer(), gold, answer) == published
    assert score(F1Scorer(), gold, answer) == float(gold == answer)


COMPARING = [
    ExactMatchScorer(), ExactMatchFlexScorer(), F1Scorer(), SubstringRecallScorer(),
]  # fmt: skip


@pytest.mark.parametrize("scorer", COMPARING)
@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("STRASSE", "straße"),
        ("İstanbul", "i̇stanbul"),
        ("İstanbul", "istanbul"),
        ("caf\u00e9", "cafe\u0301"),
        ("Rosie\u2019s", "rosie's"),
        ("\u201cyes\u201d", '"yes"'),
    ],
)
def test_texts_that_look_the_same_are_the_same(scorer: Scorer, gold: str, answer: str) -> None:
    assert score(scorer, gold, answer) == 1.0
    assert score(scorer, answer, gold) == 1.0


def test_case_may_count_and_the_form_of_characters_does_not() -> None:
    exact = ExactMatchScorer(case_sensitive=True)
    assert score(exact, "caf\u00e9\u2019s", "cafe\u0301's") == 1.0
    assert score(exact, "Caf\u00e9", "caf\u00e9") == 0.0


@pytest.mark.parametrize("scorer", COMPARING)
@pytest.mark.parametrize("accepted", [{"all_answers": ["one", "two"]}, {}])
def test_every_accepted_answer_counts(scorer: Scorer, accepted: dict[str, Any]) -> None:
    gold = "one" if accepted else ["one", None, "two"]
    found = score(scorer, gold, "two", **accepted)
    assert found == (0.5 if isinstance(scorer, SubstringRecallScorer) else 1.0)


@pytest.mark.parametrize("scorer", [*COMPARING, SQuADF1Scorer(), MultipleChoiceScorer()])
@pytest.mark.parametrize("gold", ["", None, "  ", [], [""], [None]])
@pytest.mark.parametrize("answer", ["", "anything", None])
def test_a_blank_gold_answer_is_none_and_there_is_no_score(
    scorer: Scorer, gold: Any, answer: Any
) -> None:
    with pytest.raises(ValueError, match="no gold answer"):
        score(scorer, gold, answer)


words = st.lists(st.sampled_from("abcd"), max_size=6)


@given(words, words)
def test_f1_is_symmetric_and_between_0_and_1(one: list[str], other: list[str]) -> None:
    assert token_f1(one, other) == pytest.approx(token_f1(other, one))
    assert 0.0 <= token_f1(one, other) <= 1.0
    assert token_f1(one, one) == 1.0


def test_recall_is_the_share_of_gold_answers_that_occur() -> None:
    instance = Instance("?", metadata={"all_answers": ["north", "South", "west"]})

    recall = SubstringRecallScorer().score(instance, LMOutput("To the South, then north."))

    assert recall == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("B", 1.0), ("b", 1.0), ("(B)", 1.0), ("B.", 1.0), ("no", 1.0), ("A", 0.0), (None, 0.0)],
)
def test_a_choice_is_named_by_letter_or_text(answer: Any, expected: float) -> None:
    instance = Instance("?", "B", ("yes", "no"), {"gold_idx": 1})

    scored = MultipleChoiceScorer().score(instance, LMOutput("", extracted_answer=answer))

    assert scored == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It is hard.\n\nANSWER: B", 1.0),
        ("The answer is (B).", 1.0),
        ("(B) no", 1.0),
        ("B. no", 1.0),
        ("No.", 1.0),
        ("ANSWER: A", 0.0),
        ("Better safe.", 0.0),
        ("ANSWER: Better", 0.0),
        ("Nobody knows", 0.0),
        ("yes", 0.0),
    ],
)
def test_a_whole_answer_names_its_letter(answer: str, expected: float) -> None:
    instance = Instance("?", "B", ("yes", "no"), {"gold_idx": 1})
    assert MultipleChoiceScorer().score(instance, LMOutput("", extracted_answer=answer)) == expected


def test_either_of_two_choices_with_the_right_text_counts() -> None:
    instance = Instance("?", "B", ("x", "x", "y"), {"gold_idx": 1})
    found = [
        MultipleChoiceScorer().score(instance, LMOutput("", extracted_answer=answer))
        for answer in ("A", "B", "C", "x", "y")
    ]
    assert found == [1.0, 1.0, 0.0, 1.0, 0.0]


def test_a_letter_is_a_label_before_it_is_a_text() -> None:
    instance = Instance("Which comes first?", "B", ("B", "A"), {"gold_idx": 1})
    assert MultipleChoiceScorer().score(instance, LMOutput("", extracted_answer="B")) == 1.0
    assert MultipleChoiceScorer().score(instance, LMOutput("", extracted_answer="A")) == 0.0


def test_bits_per_byte_counts_bytes_of_the_text() -> None:
    output = LMOutput(" é", sum_logprob=-3 * math.log(2), num_tokens=1)

    assert BitsPerByteScorer().score(Instance("?"), output) == pytest.approx(1.0)
    assert LogprobScorer().score(Instance("?"), output) == pytest.approx(-3 * math.log(2))
    assert PerplexityScorer().score(Instance("?"), output) == pytest.approx(8.0)


@pytest.mark.parametrize("scorer", [BitsPerByteScorer(), LogprobScorer(), PerplexityScorer()])
def test_a_missing_logprob_is_no_number(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match=r"log-probability|tokens"):
        scorer.score(Instance("?"), LMOutput(" yes"))
