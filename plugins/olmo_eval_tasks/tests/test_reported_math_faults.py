"""What people reported against graders of numbers and mathematics, each kind with its right value.

An input is a whole answer of a model; ``gold`` stands in the data as the task's rows have it. Where
a report could be answered either way, the comment says what was decided.
"""

from __future__ import annotations

from functools import cache

import pytest

from olmo_eval import plugins
from olmo_eval.common.types import LMOutput
from olmo_eval.evals.tasks.common import Task, build_task


@cache
def task_of(spec: str) -> Task:
    with plugins.fresh_manager(["olmo_eval_tasks.plugin"]):
        return build_task(spec)


@pytest.fixture(autouse=True)
def olmo_eval_tasks() -> None:
    """One registry serves all of these."""


def graded(spec: str, gold: str, text: str) -> float:
    """What the metric that stands for the task makes of one answer."""
    task = task_of(spec)
    doc = {"question": "?", "answer": f"w\n#### {gold}"}
    if spec == "math500":
        solution = rf"So it is $\boxed{{{gold}}}$."
        doc = {"problem": "?", "solution": solution, "answer": gold, "unique_id": "1"}
    instance = task.process_doc(doc)
    assert instance is not None
    output = task.extracted(LMOutput(text))
    return task.config.primary().scorer.score(instance, output)


def number(gold: str, text: str) -> float:
    return graded("gsm8k", gold, text)


def mathematics(gold: str, answer: str) -> float:
    return graded("math500", gold, rf"The final result is $\boxed{{{answer}}}$.")


@pytest.mark.parametrize(
    ("row", "gold", "text", "right"),
    [
        (10, "1000", "The answer is 1e3.", 1),
        (10, "1000", r"The answer is $1 \times 10^3$.", 1),
        (12, "5", "The answer is −5.", 0),
        (12, "-5", "The answer is −5.", 1),
        (13, "0.5", "The answer is ½.", 1),
        (14, "18", "The answer is １８.", 1),
        (16, "10000", r"\boxed{10{,}000}", 1),
        (16, "10000", r"The answer is $10,\!000$.", 1),
        (16, "10000", "The answer is 10 000.", 1),
        (16, "10000", "The answer is 10\u202f000.", 1),
        (16, "10000", "The answer is 10'000.", 1),
        (20, "18", "#### 18\n(checked in 2 ways)", 1),
        (20, "18", r"So \boxed{18}, checked in 2 ways.", 1),
        (20, "18", "The answer is 18, checked in 2 ways.", 1),
        # a fraction and a full hour are numbers like others
        (24, "0.5", "The answer is 1/2.", 1),
        (24, "3", "They leave at 3:00.", 1),
        (24, "30", "They leave at 3:30.", 0),
    ],
)
def test_numbers(row: int, gold: str, text: str, right: int) -> None:
    assert number(gold, text) == right


@pytest.mark.parametrize(
    ("row", "gold", "answer", "right"),
    [
        # a decimal of six places and more that the exact value rounds to is that value
        (29, r"\sqrt{17}", "4.123105625617661", 1),
        (29, r"\sqrt{17}", "4.12", 0),
        (31, "3x-y+13=0", "3x+4y+14=0", 0),
        (31, "2x-y+3z+8=0", "0", 0),
        (31, "3x-y+13=0", "y = 3x + 13", 1),
        (34, "3,-5", "x = 3, x = -5", 1),
        # an inequality in one letter is the interval that it describes, both ways
        (35, "(0,12.5)", "0<x<12.5", 1),
        (35, "0<x<12.5", "(0,12.5)", 1),
        (36, "1,-2", "-2,1", 1),
        (36, r"\{1,2\}", r"\{2,1\}", 1),
        (36, "(1,2)", "(2,1)", 0),
        (37, "2112_6", "2112_{6}", 1),
        (37, "2112_6", "2112_{7}", 0),
        # the question names the base; an answer that adds another one is wrong
        (38, "4210_5", "4210", 1),
        (38, "4210", "4210_5", 0),
        (39, "3, 5, 7", "7, 5, 3", 1),
        (39, "0,1", "1", 0),
        (51, "[-3,2]", r"\left[ -3,2 \right]", 1),
        (51, "(0,4]", r"\left(0,4\right]", 1),
        (51, r"\{1,2\}", r"\left\{1,2\right\}", 1),
        (51, "|x|", r"\left|x\right|", 1),
        (51, "(1,2)", r"\bigl(1,2\bigr)", 1),
        (53, "35", "35 miles", 1),
        (53, "35", r"35\ \mathrm{kg}", 1),
        (53, "35", "35 seconds", 1),
        (53, "35", "35 m/s", 1),
        (53, "35", "35 in^3", 1),
        (53, "35", "35°", 1),
        (53, r"35\text{ cm}", "35 m", 0),
        (56, r"\frac{1}{2}", r"\frac1{2}", 1),
        (56, r"\frac{3}{14}", r"\frac3{14}", 1),
        (61, r"2\pi r", "2*pi*r", 1),
        (61, r"2\pi r", r"2r\pi", 1),
        (61, "3x", r"3 \cdot x", 1),
        (61, "3x", r"3 \times x", 1),
        (61, r"\cos x", r"\cos(x)", 1),
        (61, r"\log(x)", r"\log x", 1),
        (61, "3", r"\log_2 8", 1),
        (62, r"\text{east}", "seat", 0),
        (62, "None", "Neon", 0),
        (62, "Ann", "nnA", 0),
        (62, r"\text{east}", "East", 1),
        # a percentage is its number and its fraction; decimals as above
        (64, r"50\%", "0.5", 1),
        (64, "50", r"50\%", 1),
        (64, r"2\pi", "6.283185307179586", 1),
        (66, r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}", r"\begin{pmatrix} 1 \\3 \end{pmatrix}", 1),
        (66, r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}", r"\begin{bmatrix} 1 \\ 3 \end{bmatrix}", 1),
        (66, r"\begin{pmatrix} \frac{1}{2} \end{pmatrix}", r"\begin{pmatrix}1/2\end{pmatrix}", 1),
        (66, r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}", r"\begin{pmatrix} 3 \\ 1 \end{pmatrix}", 0),
        (68, r"0.\overline{36}", "0.36", 0),
        (68, "0.36", r"0.\overline{36}", 0),
        (68, r"0.\overline{3}", r"\frac{1}{3}", 1),
        (70, "-1000", "-1,000", 1),
        (70, "1234.5", "1,234.5", 1),
        (70, "1000000", "1,000,000", 1),
        (71, "-5", "−5", 1),
        (71, r"\sqrt{2}", "√2", 1),
        (71, r"(-\infty, 3)", "(-∞, 3)", 1),
        (71, "35", "35°", 1),
    ],
)
def test_mathematics(row: int, gold: str, answer: str, right: int) -> None:
    assert mathematics(gold, answer) == right


@pytest.mark.parametrize(
    ("row", "gold", "text", "right"),
    [
        (39, "3, 5, 7", r"They are $\boxed{3}$, $\boxed{5}$ and $\boxed{7}$.", 1),
        (39, "3, 5, 7", r"\boxed{3}, \boxed{5}, \boxed{7}", 1),
        (42, "42", r"I will mark my solution with \boxed as asked. So \boxed{42}", 1),
        (42, "42", r"It goes in a \boxed environment: $x = \boxed{42}$", 1),
        (45, "73", "the number of residents is **73**. Final Answer: **73**", 1),
        (45, "73", "the answer is **73**.", 1),
        (46, "4", "**Answer:** 4.", 1),
        (46, "42", "Answer: 42", 1),
        (46, "42", "Final Answer: 42", 1),
        (46, "42", "#### 42", 1),
        (47, "42", r"the answer is \( 42 \).", 1),
        (47, "42", r"\[ 42 \]", 1),
        (47, "42", "the answer is\n\n$$42$$", 1),
        # the published rule reads to the end of the line and stays available beside this one
        (48, "5", "The answer is 5. I hope this helps!", 1),
        (48, "5", "The answer is 5 apples.", 1),
        # the last of several marked answers counts; the published rule takes either
        (74, "3", r"The final answer is $3$. I see a mistake. Correction: \boxed{4}", 0),
        (74, "4", r"The final answer is $3$. I see a mistake. Correction: \boxed{4}", 1),
    ],
)
def test_final_answers(row: int, gold: str, text: str, right: int) -> None:
    assert graded("math500", gold, text) == right


def test_77_the_robust_variant_reads_past_a_blank_line() -> None:
    published, robust = task_of("math500"), task_of("math500:robust")

    assert "\n\n" in (published.config.sampling_params.stop_sequences or ())
    stops = robust.config.sampling_params.stop_sequences or ()
    assert not any(stop in "One step.\n\nThe answer is \\boxed{3}." for stop in stops)
