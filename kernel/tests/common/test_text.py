"""Templates, letters and numbers in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.text import (
    fill,
    labelled_choices,
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


def test_squad_answers_lose_case_articles_and_punctuation() -> None:
    assert normalize_squad("The  Eiffel-Tower, in a (big) city!") == "eiffeltower in big city"
