"""Numbers compared by value, within a tolerance."""

from __future__ import annotations

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval_tasks.scorers.numbers import NumberScorer


@pytest.mark.parametrize(
    ("gold", "answer", "tolerance", "score"),
    [
        ("-9867630", "-9,867,630.00", 0.0, 1.0),
        ("0.3333333333333333", "1/3", 1e-3, 1.0),
        ("0.3333333333333333", "1/3", 0.0, 0.0),
        ("2.5", "2.502", 1e-3, 0.0),
        ("1000", "1e3", 0.0, 1.0),
        ("7", "seven", 1e-3, 0.0),
        ("7", None, 1e-3, 0.0),
    ],
)
def test_numbers_are_compared_by_value(
    gold: str, answer: str | None, tolerance: float, score: float
) -> None:
    output = LMOutput("", extracted_answer=answer)

    assert NumberScorer(tolerance=tolerance).score(Instance("?", gold), output) == score
