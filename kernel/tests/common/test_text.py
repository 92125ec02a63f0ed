"""Templates, letters and numbers in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.text import (
    fill,
    labelled_choices,
    last_number,
    normalize_number,
    normalize_squad,
)


def test_only_named_fields_are_filled() -> None:
    template = r"{question} \boxed{} {\"json\": {unknown}} {0}"

    assert fill(template, {"question": "Q"}) == r"Q \boxed{} {\"json\": {unknown}} {0}"


@given(st.text())
def test_what_is_filled_in_is_not_filled_again(text: str) -> None:
    assert fill("{a}{b}", {"a": text, "b": ""}) == text


def test_choices_get_letters() -> None:
    assert labelled_choices(("x", "y"), " {label}. {text}") == " A. x\n B. y"
    with pytest.raises(ValueError, match="27 choices"):
        labelled_choices(("x",) * 27, "{label}")


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
        ("none at all", None),
        ("", None),
    ],
)
def test_the_last_number_wins(text: str, number: str | None) -> None:
    assert last_number(text) == number


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_separators_and_currency_do_not_count(number: int) -> None:
    assert normalize_number(f"${number:,}.00") == str(number)
    assert last_number(f"The answer is {number:,}.") == str(number)


def test_squad_answers_lose_case_articles_and_punctuation() -> None:
    assert normalize_squad("The  Eiffel-Tower, in a (big) city!") == "eiffeltower in big city"
