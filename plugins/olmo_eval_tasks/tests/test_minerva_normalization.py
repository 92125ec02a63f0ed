r"""The published normalisation of MATH's answers, quirks included."""

from __future__ import annotations

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.extract import MathExtractor
from olmo_eval.evals.extract.minerva import extract_math_answer, normalize_final_answer
from olmo_eval_tasks.scorers.math import MinervaMathScorer
from olmo_eval_tasks.scorers.mathematics.minerva import is_equiv


@pytest.fixture(autouse=True)
def olmo_eval_tasks() -> None:
    """No registry is needed here, and making one for every pair would take most of the time."""


@pytest.mark.parametrize(
    ("answer", "normalized"),
    [
        (r"\frac34", r"\frac{3}{4}"),
        (r"\sqrt2", r"\sqrt{2}"),
        ("x = 5", "5"),
        ("$12,500$", "12500"),
        (r"5 \text{ inches}", "5"),
        (r"90^\circ", "90"),
        (r"\text{(E)}", "(E)"),
        (r"12\%", r"12\%"),
        (r"the answer is \$5", "theansweris5"),
    ],
)
def test_answers_are_brought_into_minervas_form(answer: str, normalized: str) -> None:
    assert normalize_final_answer(answer) == normalized


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so \boxed{\frac{1}{2}}.", [r"\frac{1}{2}"]),
        ("Final Answer: The final answer is $24$. I hope it is correct.", ["24"]),
        ("Final Answer: The final answer is $24$", ["24"]),
        (r"\boxed{24}. Final Answer: The final answer is $24$. I hope it is correct.", ["24"]),
        (
            r"\boxed{23}. Final Answer: The final answer is $24$. I hope it is correct.",
            ["24", "23"],
        ),
        (r"first \boxed{1}, then \boxed{2}", ["2"]),
        ("we get $x=1$ and $y=7$ in the end", ["7"]),
        ("it is 42", ["itis42"]),
        ("The final answer is $7$, as $x=1$.", ["7"]),
        ("so the answer is 5.\nI checked it.", ["5"]),
        (r"\boxed 3$ is it", ["3"]),
        (r"\boxed{never closed", [r"\boxed{neverclosed"]),
        ("", []),
        ("  \n", []),
    ],
)
def test_final_answers_are_found(text: str, found: list[str]) -> None:
    assert extract_math_answer(text) == found
    assert MathExtractor.extract_answer(text) == found


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac12", r"\frac{1}{2}", True),
        ("2/3", r"\frac{2}{3}", True),
        (r"\left(1,2\right)", "(1,2)", True),
        ("50%", "50", True),
        ("x^2+2x+1", "(x+1)^2", True),
        ("1", "2", False),
        ("1,2", "2,1", False),
        ("", "", False),
    ],
)
def test_equivalence_is_by_text_or_as_one_expression(one: str, other: str, equal: bool) -> None:
    assert is_equiv(one, other) is equal


def test_any_of_several_answers_may_be_right() -> None:
    instance = Instance("?", gold_answer="x = 24")
    text = r"\boxed{23}. Final Answer: The final answer is $24$. I hope it is correct."

    assert MinervaMathScorer().score(instance, LMOutput("", extracted_answer=["23", "24"])) == 1.0
    assert MinervaMathScorer(extract=True).score(instance, LMOutput(text)) == 1.0
    assert MinervaMathScorer().score(instance, LMOutput(text)) == 0.0
