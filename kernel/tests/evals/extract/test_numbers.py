"""Numbers in prose: which one is the answer, and how it is written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.numbers import normalize_number
from olmo_eval.evals.extract.numbers import last_number, stated_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("She makes 18 dollars every day.", "18"),
        ("so $1,200.00.", "1200"),
        (r"\boxed{29}", "29"),
        ("it is $29.50", "29.5"),
        ("The answer is -3.", "-3"),
        ("it owes -$5", "-5"),
        ("10-3 is all", "3"),
        ("x=-2", "-2"),
        ("(4)-7", "7"),
        ("half is .5", "0.5"),
        ("1,234,567 people", "1234567"),
        ("2, 3", "3"),
        ("1,000, that is", "1000"),
        ("on 5/12/2020", "2020"),
        ("bars of 5 100 g", "100"),
        ("none at all", None),
        ("", None),
    ],
)
def test_the_last_number_wins(text: str, number: str | None) -> None:
    assert last_number(text) == number
    assert stated_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 18\n(checked in 2 ways)", "18"),
        (r"\boxed{18}, which took 3 steps", "18"),
        (r"I put it into \boxed as asked: \boxed{18}. Right in 2 ways", "18"),
        ("The answer is 18 dollars for 2 days.", "18"),
        ("So the answer is **$18** in 2 ways.", "18"),
        ("The answer is 10 - 3 = 7.", "7"),
        ("The answer is about 7 of 9.", "7"),
        ("The answer is that he pays 7 of 9.", "9"),
        ("Final answer: 7\nI used 3 steps.", "7"),
        ("The answer is 5. No, the answer is 6. I tried 2 times.", "6"),
        ("The answer is 5 100.", "5100"),
        ("The answer is unknown. There are 3.", "3"),
    ],
)
def test_a_marked_number_is_the_answer(text: str, number: str) -> None:
    assert stated_number(text) == number


def test_marks_may_be_those_of_another_language() -> None:
    assert stated_number("Die Antwort lautet 6, in 2 Schritten.", ["Die Antwort lautet"]) == "6"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e3.", "1000"),
        (r"$1 \times 10^3$", "1000"),
        ("1.5 × 10^{2}", "150"),
        ("−5", "-5"),
        ("½", "0.5"),
        ("2½", "2.5"),
        ("１８", "18"),
        ("২৫", "25"),
        (r"10{,}000", "10000"),
        (r"$10,\!000$", "10000"),
        ("10 000", "10000"),
        ("10\u202f000", "10000"),
        ("10'000", "10000"),
        ("1/2", "0.5"),
        (r"\frac{1}{3}", "1/3"),
        ("3 1/2", "3.5"),
        ("3:00", "3"),
        ("3:30", "3:30"),
        ("1,000.00", "1000"),
    ],
)
def test_numbers_are_read_however_they_are_written(text: str, number: str) -> None:
    assert last_number(f"It is {text}") == number
    assert stated_number(f"The answer is {text}") == number


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_separators_and_currency_do_not_count(number: int) -> None:
    assert normalize_number(f"${number:,}.00") == str(number)
    assert last_number(f"The answer is {number:,}.") == str(number)


@given(st.fractions(max_denominator=10**6))
def test_fractions_have_one_form(value: object) -> None:
    form = normalize_number(str(value))

    assert normalize_number(form) == form


@pytest.mark.parametrize("text", ["no number", "1/0", "1e99999", "x", "1,2,3 and 4"])
def test_what_is_no_number_stays(text: str) -> None:
    assert normalize_number(f" {text} ").replace(" ", "") in (
        text.replace(" ", ""),
        text.replace(",", "").replace(" ", ""),
    )


@pytest.mark.parametrize(
    "text", ["1/2", "1e", "9", "1 000 ", "1,000 ", "#### ", "\\boxed{1}", "( ", "answer is ", "-"]
)
def test_a_long_text_is_read_in_a_moment(text: str) -> None:
    started = time.perf_counter()

    stated_number(text * (100_000 // len(text)))

    assert time.perf_counter() - started < 2.0
