r"""Final answers of mathematics: found, normalised, compared, and never waited for."""

from __future__ import annotations

import time

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval_tasks.scorers.latex import Unreadable, value
from olmo_eval_tasks.scorers.math import MinervaMathScorer, same_answer
from olmo_eval_tasks.scorers.math_answers import answers_in, last_boxed, normalize_answer


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
    assert normalize_answer(answer) == normalized


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
    assert answers_in(text) == found


def test_the_last_box_may_hold_boxes_of_braces() -> None:
    assert last_boxed(r"\boxed{1} \boxed{\{a_{1}\}}") == r"\{a_{1}\}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{1}{2}", "1/2"),
        (r"\dfrac{3}{4}", r"\frac34"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,0.5\pi)"),
        (r"\le(3,4\right)", "(3,4)"),
        (r"1\frac{1}{2}", "1.5"),
        (r"\log_{2} 8", "3"),
        (r"\sin^2(x)+\cos^2(x)", "1"),
        (r"\binom{5}{2}", "10"),
        ("5!", "120"),
        ("e^{i\\pi}", "-1"),
        ("2^10", "1024"),
        (r"\frac{x-1}{x+1}", r"1-\frac{2}{x+1}"),
        ("50%", "50"),
    ],
)
def test_equal_mathematics_is_equal(one: str, other: str) -> None:
    assert same_answer(one, other)
    assert same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "2"),
        ("0.33", r"\frac{1}{3}"),
        ("123456789012345678901", "123456789012345678902"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", "[1,2]"),
        ("1,2", "1,2,3"),
        ("x", "y"),
        ("x+1", "x"),
        ("", ""),
        (r"\text{yes}", r"\text{no}"),
    ],
)
def test_different_mathematics_is_different(one: str, other: str) -> None:
    assert not same_answer(one, other)


HOSTILE = (
    "9**9**9",
    "9^{9^{9}}",
    "9^9^9^9",
    "10^{10^{10}}",
    "x^{x^{x^{x^{x}}}}",
    "e^{e^{e^{e^{100}}}}",
    "((((2^{0.5})^{999})^{999})^{999})^{999}",
    "((((x^{1000})^{1000})^{1000})^{1000})^{1000}",
    "100000!",
    "((((9!)!)!)!)!",
    r"\binom{10000000}{5000000}",
    r"\tan(\tan(\tan(10^{29})))",
    r"\frac{1}{0}",
    "0^{-1}",
    r"\log(0)",
    "9" * 100_000,
    "(" * 100_000,
    "-" * 100_000,
    "{" * 140 + "1" + "}" * 140,
    r"\sqrt{" * 200,
    "$" * 50_000,
    r"\boxed{" * 20_000,
    "final answer is " * 10_000,
    "=" * 100_000,
    "__import__('os').system('true')",
    "lambda: 0",
    "²³½",
    "\0\ud800",
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20].encode("ascii", "replace"))
def test_no_answer_takes_long_or_raises(text: str) -> None:
    scorer = MinervaMathScorer()
    instance = Instance("?", gold_answer=r"\frac{1}{2}")
    started = time.perf_counter()

    for found in (text, answers_in(text), f"{text}+1"):
        score = scorer.score(instance, LMOutput(str(text), extracted_answer=found))
        assert score == 0.0

    assert time.perf_counter() - started < 2.0


def test_any_of_several_answers_may_be_right() -> None:
    scorer = MinervaMathScorer()
    instance = Instance("?", gold_answer="24", metadata={"all_answers": ["24", "x"]})

    assert scorer.score(instance, LMOutput("", extracted_answer=["23", "24.0"])) == 1.0
    assert scorer.score(instance, LMOutput("", extracted_answer=None)) == 0.0


@pytest.mark.parametrize("text", ["", "1+", "(1", "1)", "\\unknown", "1_2", "@"])
def test_what_is_no_expression_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        value(text)
