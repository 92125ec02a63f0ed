"""Answers stated in so many words, and JSON objects among words."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.evals.extract.objects import last_object
from olmo_eval.evals.extract.stated import stated_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So the answer is (B).", "(B)"),
        ("the answer is 3. No, the answer is 4.", "4"),
        ("So the answer is ] } ].", "] } ]"),
        ("So the answer is yes.\n\nQ: more", "yes"),
        (" True ", "True"),
        ("True.", "True"),
        ("The answer", "The answer"),
        ("", ""),
    ],
)
def test_stated_answers(text: str, answer: str) -> None:
    assert stated_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('First {"a": 1}, then ```json\n{"a": {"b": [2]}}\n``` done', {"a": {"b": [2]}}),
        ("{not json} {'nor': 'this'}", None),
        ('[{"a": 1}]', {"a": 1}),
        ('{"a": 1', None),
        ("", None),
        ("{" * 20_000, None),
        ('{"a":' * 3_000, None),
    ],
)
def test_the_last_object(text: str, found: dict[str, Any] | None) -> None:
    assert last_object(text) == found
