"""Final answers of worked mathematics, found in a text."""

from __future__ import annotations

import time

import pytest

from olmo_eval.evals.extract.boxed import boxes, final_answer, last_boxed


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"first \boxed{1}, then \boxed{2}", "2"),
        (r"\boxed{1} \boxed{\{a_{1}\}}", r"\{a_{1}\}"),
        (r"\fbox{7}", "7"),
        (r"I will mark it with \boxed as asked. So \boxed{42}.", "42"),
        (r"in a \boxed environment: $x = \boxed{42}$", "42"),
        (r"$\boxed{3}$, $\boxed{5}$, and $\boxed{7}$", "3, 5, 7"),
        (r"\boxed{3}, \boxed{5}, \boxed{7}", "3, 5, 7"),
        (r"$x = \boxed{3}$ or $x = \boxed{-5}$", "3, -5"),
        (r"$\boxed{4}$" + "\n\n" + r"Again: $\boxed{4}$", "4"),
        (r"The final answer is $3$. Correction: \boxed{4}", "4"),
        (r"\boxed{4}. Hm. The final answer is $3$. I hope it is correct.", "3"),
        (r"\boxed{4}. The final answer is right, as 2 and 2 are 4 and always have been.", "4"),
        ("Final Answer: The final answer is $24$. I hope it is correct.", "24"),
        ("**Final Answer**\n\n" + r"$\boxed{12}$", "12"),
        ("the number of residents is **73**. Final Answer: **73**", "73"),
        ("the answer is **73**.", "73"),
        ("**Answer:** 4.", "4"),
        ("Answer: 42", "42"),
        ("Final Answer: 42", "42"),
        ("#### 42", "42"),
        (r"the answer is \( 42 \).", "42"),
        (r"the answer is \[ 42 \]", "42"),
        ("the answer is\n\n$$42$$", "42"),
        ("The answer is $3$ and $-5$.", "3, -5"),
        ("The answer is 5. I hope this helps!", "5"),
        ("The answer is 0.5 apples.\nI checked it.", "0.5 apples"),
        ("The answer is the interval $(1,2)$.", "(1,2)"),
        ("we get $x=1$ and $y=7$ in the end", "y=7"),
        ("it is 42", "42"),
        ("The answer is that there are 42 ways.", "42"),
        ("The answer is June 20.", "June 20"),
        ("The answer is seven.", "seven"),
        (r"\boxed{never closed", r"\boxed{never closed"),
        ("  \n", None),
        ("", None),
    ],
)
def test_final_answers_are_found(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_a_box_that_is_never_closed_is_no_box() -> None:
    assert last_boxed(r"\boxed{1} and \boxed{2") == "1"
    assert last_boxed(r"\boxed 3") is None


def test_the_outermost_box_counts() -> None:
    assert boxes(r"a \boxed{x \boxed{3}} \boxed{4}") == [(2, r"x \boxed{3}"), (22, "4")]


@pytest.mark.parametrize(
    "text",
    ["\\boxed{", "final answer is ", "$", "{", "answer: $", "\\(", "\\[", "** ", "\\boxed{1}"],
)
def test_a_long_text_is_read_in_a_moment(text: str) -> None:
    started = time.perf_counter()

    final_answer(text * (100_000 // len(text)))

    assert time.perf_counter() - started < 2.0
