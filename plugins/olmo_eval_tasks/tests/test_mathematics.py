r"""Which final answers say the same, and that none of them is waited for."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.extract.boxed import final_answer
from olmo_eval_tasks.scorers.math import MathVerifyScorer, MinervaMathScorer
from olmo_eval_tasks.scorers.mathematics.equality import same_answer


@pytest.fixture(autouse=True)
def olmo_eval_tasks() -> None:
    """No registry is needed here, and making one for every pair would take most of the time."""


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{1}{2}", "1/2"),
        (r"\dfrac{3}{4}", r"\frac34"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,0.5\pi)"),
        (r"1\frac{1}{2}", "1.5"),
        (r"\log_{2} 8", "3"),
        (r"\log_2 8", "3"),
        (r"\sin^2(x)+\cos^2(x)", "1"),
        (r"\binom{5}{2}", "10"),
        ("5!", "120"),
        (r"e^{i\pi}", "-1"),
        ("2^10", "1024"),
        (r"\frac{x-1}{x+1}", r"1-\frac{2}{x+1}"),
        ("50%", "50"),
        ("3,-5", "x = 3, x = -5"),
        ("1,-2", "-2,1"),
        ("2112_6", "2112_{6}"),
        ("4210_5", "4210"),
        ("3, 5, 7", "7, 5, 3"),
        (r"\left[ -3,2 \right]", "[-3,2]"),
        (r"\left\{1,2\right\}", r"\{2,1\}"),
        (r"\left|x\right|", "|x|"),
        (r"\bigl(1,2\bigr)", "(1,2)"),
        ("35", "35 miles"),
        ("35", r"35\mathrm{ kg}"),
        ("35", r"35\ \mathrm{kg}"),
        ("35", "35 seconds"),
        ("35", "35 m/s"),
        ("35", r"35 \text{ m/s}"),
        ("35", "35 in^3"),
        ("35", "35°"),
        ("35", r"35 \text{ in}^3"),
        ("35", r"35^\circ"),
        (r"\frac{1}{2}", r"\frac1{2}"),
        (r"\frac{3}{14}", r"\frac3{14}"),
        (r"2\pi r", "2*pi*r"),
        (r"2\pi r", r"2r\pi"),
        ("3x", r"3 \cdot x"),
        ("3x", r"3 \times x"),
        (r"\cos x", r"\cos(x)"),
        (r"\log x", r"\log(x)"),
        (r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}", r"\begin{pmatrix} 1 \\3 \end{pmatrix}"),
        (r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}", r"\begin{bmatrix}1\\3\end{bmatrix}"),
        (
            r"\begin{pmatrix} \frac{1}{2} & 2 \\ 3 & 4 \end{pmatrix}",
            r"\begin{pmatrix}1/2&2\\3&4\end{pmatrix}",
        ),
        (r"0.\overline{3}", r"\frac{1}{3}"),
        ("-1,000", "-1000"),
        ("-1000", "-1,000"),
        ("1,234.5", "1234.5"),
        ("1000000", "1,000,000"),
        ("10000", r"10,\!000"),
        ("10000", "10{,}000"),
        ("-5", "−5"),
        (r"\sqrt{2}", "√2"),
        (r"(-\infty, 3)", "(-∞, 3)"),
        (r"2\pi", "2π"),
        ("[-3,2]", r"x \in [-3,2]"),
        (r"\frac{3}{4}", r"\\frac{3}{4}"),
        (r"1 \pm \sqrt{2}", r"1+\sqrt2, 1-\sqrt2"),
        ("-2,2", r"\pm 2"),
        (r"\pm 2", "-2,2"),
        ("x=5", "5"),
        ("5", "x=5"),
        ("y = 2x+3", "2x+3"),
        ("y=2x+3", "2x - y + 3 = 0"),
        ("5x - 7y + 11z + 4 = 0", "-5x + 7y - 11z - 4 = 0"),
        ("(0,12.5)", "0<x<12.5"),
        (r"(3,\infty)", "x>3"),
        ("x>3", "3<x"),
        (r"x \ge 3", r"[3,\infty)"),
        (r"\text{east}", "east"),
        (r"\text{(E)}", "E"),
        (r"\text{(E)}", "(E)"),
        (r"\text{Evelyn}", "Evelyn"),
        ("50%", "0.5"),
        (r"\sqrt{17}", "4.123105625617661"),
        (r"2\pi", "6.283185307179586"),
        (r"\frac{1}{3}", "0.33333333"),
        (r"\$18.90", "18.90"),
        ("18.9", r"\$18.90"),
        (r"5\text{ cm}", "5"),
        (r"5 \text{ cm}", "5 centimeters"),
        (r"10\text{ inches}", "10 in"),
        (r"\frac{3}{4}\text{ square units}", r"\frac34"),
        ("x^3+3x-6", "3x + x^3 - 6"),
        (r"(-\infty,2)\cup(3,\infty)", r"(3,\infty) \cup (-\infty,2)"),
        (r"\sin 30^\circ", "1/2"),
        (r"\frac{1}{2}i", "i/2"),
        ("(1+i)^2", "2i"),
        (r"11\sqrt2", r"11\sqrt{2}"),
        ("1/2, 3", r"3,\frac{1}{2}"),
        (r"1 \text{ and } 2", "2, 1"),
        ("1 or 2", "2 and 1"),
        (r"\{1,2\}", "1,2"),
        ("6+9i", "6 + 9i"),
        ("3R^2", "3R^2"),
        (r"\tfrac{-1}{2}", "-0.5"),
        ("E", "(E)"),
        ("16", "16."),
        ("90", r"$90^\circ$"),
        ("7", "**7**"),
        (r"\frac{9}{19}", "9/19"),
        (r"864 \mbox{ inches}^2", "864"),
        (r"-\frac{2}{3}", r"\frac{-2}{3}"),
        ("1/3", r"\frac{1}{3}"),
        ("x^2", "x²"),
        (r"5.4 \text{ cents}", "5.4"),
        (r"\text{6 and 7}", "6, 7"),
        ("2k+2", "2(k+1)"),
        (r"\frac{ 3 }{ 4 }", "0.75"),
        (r"10\%", "0.1"),
        ("0,1", "0, 1"),
        ("f(x)=x^2", "x^2"),
        ("y = -2x + 1", "y=1-2x"),
        (r"4\text{:}30", "4:30"),
        ("6:00", "6:00"),
        (r"3\sqrt{2} + \sqrt{6}", r"\sqrt 6 + 3\sqrt 2"),
        ("(3,4]", r"3 < x \leq 4"),
        (r"\left(\frac{1}{2}, 3\right]", "(0.5,3]"),
        ("11,111,111,100", "11111111100"),
        ("4.5e33", r"4.5 \times 10^{33}"),
        (r"x = \frac{1}{2}", r"\frac12"),
        ("25", "25%"),
        ("(5,7)", "(x,y) = (5,7)"),
        (r"1,\frac{1}{2}", "x=1 or x=1/2"),
        (r"12\text{ cm}^2", "12 square centimeters"),
        ("-x+2", "2 - x"),
        (r"\frac{\pi}{4}", "pi/4"),
        ("2^{10}", "2**10"),
        ("(2,-1)", r"x = 2 \text{ and } y = -1"),
        ("(-1,2)", "(x,y) = (-1,2)"),
        ("4:30", "4{:}30"),
        (r"\frac{34}{3}", r"11.\overline{3}"),
        (r"\{1\pm\sqrt{5},-2\}", r"1+\sqrt{5},1-\sqrt{5},-2"),
        ("x + 2y - z = 4", "2x+4y-2z=8"),
        ("(1,3),(2,4)", "(2,4), (1,3)"),
    ],
)
def test_equal_answers_are_equal(gold: str, answer: str) -> None:
    assert same_answer(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
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
        ("3x-y+13=0", "3x+4y+14=0"),
        ("2x-y+3z+8=0", "0"),
        ("5x - 7y + 11z + 4 = 0", "x - y - z = 0"),
        ("0,1", "1"),
        ("0,1", "0"),
        (r"\text{east}", "seat"),
        ("None", "Neon"),
        ("Ann", "nnA"),
        (r"0.\overline{36}", "0.36"),
        ("-5", "5"),
        ("5", "-5"),
        ("2112_6", "2112_7"),
        ("2112", "2112_6"),
        ("3,5", "(3,5)"),
        ("(3,5)", "3,5"),
        ("A", "a"),
        ("x", "X"),
        ("B", "(C)"),
        ("5 cm", "5 m"),
        ("3t", "3"),
        ("3", "3t"),
        ("0", "0.0000001"),
        ("0.0000001", "0"),
        ("35", "35x"),
        ("[2,5)", "(2,5)"),
        ("2", r"\pm 2"),
        (r"\pm 2", "2"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),
        ("|x|", "x"),
        ("0", "x+y=0"),
        ("100,200", "100"),
        ("1000", "1,0"),
        ("6:00", "6"),
        ("1/2", "12"),
        ("x=3", "y=3"),
        ("12", "1,2"),
        ("3", "3, 5"),
        ("x<3", "x>3"),
        (r"x \le 3", "x<3"),
        ("x>3", "y>3"),
        ("13", "13!"),
        ("2^{1000}", "2^{1000}+1"),
        ("abc", "cba"),
        ("50", "500%"),
        ("36", "3.6"),
        (r"\frac{1}{2}x", r"\frac{1}{2}"),
        ("1", "1, 1, 2"),
        ("ab", "ac"),
        ("i", "1"),
        ("e", "2.7"),
        (r"\pi", "3.14"),
        ("2x-3y=5", "2x-3y=6"),
        ("y=x^2", "y=x^3"),
        ("10", "10_2"),
        ("(2,-1)", "y = 2, x = -1"),
        ("(2,-1)", "x = -1, y = 2"),
        ("x + 2y - z = 4", "x + 2y - z = 5"),
    ],
)
def test_different_answers_are_different(gold: str, answer: str) -> None:
    assert not same_answer(gold, answer)


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
    "1999!",
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
    "=" * 100_000,
    "__import__('os').system('true')",
    "lambda: 0",
    "²³½",
    "\0\ud800",
    r"\frac" * 300,
    r"\frac{1}{" * 100,
    r"\sum_{i=1}^{10^9} i^i",
    r"\prod_{i=1}^{100000} i",
    r"\int_0^1 e^{x^x^x} dx",
    "(x+1)^{5000}",
    r"(x+y+z+w)^{300}",
    "1," * 900,
    "x=" * 900,
    "(1+" * 38 + "1" + ")" * 38,
    "x<" * 600,
    r"\pm " * 500,
    r"1\pm 2," * 200,
    "(1," * 200,
    r"\begin{pmatrix}" * 100,
    "f(" * 35 + "x" + ")" * 35,
    "final answer is " * 6_000,
    "x_" * 500,
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20].encode("ascii", "replace"))
def test_no_answer_takes_long_or_raises(text: str) -> None:
    instance = Instance("?", gold_answer=r"\frac{1}{2}")
    started = time.perf_counter()

    for found in (text, final_answer(text), f"{text}+1"):
        for scorer in (MathVerifyScorer(), MinervaMathScorer(), MinervaMathScorer(extract=True)):
            assert scorer.score(instance, LMOutput(text, extracted_answer=found)) == 0.0

    assert time.perf_counter() - started < 4.0


def test_any_gold_answer_may_be_met() -> None:
    instance = Instance("?", gold_answer="24", metadata={"all_answers": ["24", "x"]})
    scorer = MathVerifyScorer()

    assert scorer.score(instance, LMOutput("", extracted_answer="24.0")) == 1.0
    assert scorer.score(instance, LMOutput("", extracted_answer="x")) == 1.0
    assert scorer.score(instance, LMOutput("", extracted_answer=None)) == 0.0


def test_the_algebra_is_imported_only_when_an_answer_is_scored() -> None:
    program = (
        "import json, sys\n"
        "from olmo_eval_tasks.benchmarks import minerva_math\n"
        "print(json.dumps(sorted({'sympy', 'math_verify', 'mpmath'} & set(sys.modules))))"
    )

    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert json.loads(out.stdout) == []
