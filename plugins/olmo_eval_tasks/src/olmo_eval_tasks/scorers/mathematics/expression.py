"""Whether two expressions are equal, by math-verify (https://github.com/huggingface/Math-Verify).

Three things come before its own comparison. Expressions whose value has more digits than could
ever be written out are not read at all. Decimals are exact: math-verify rounds to six places, so
that ``0.0000001`` would be 0. And both sides are evaluated at a few points, which settles nearly
every question in a millisecond where a symbolic proof may take seconds, or fail.
"""

from __future__ import annotations

import logging
import math
import re
from functools import lru_cache
from typing import Any
from zlib import crc32

#: longer or deeper expressions are only compared as texts
_LONGEST, _DEEPEST = 600, 24
#: of a value that an expression may name, and of an argument of a factorial
_MOST_DIGITS, _LARGEST_FACTORIAL = 5_000, 2_000
_DIGITS = 40
_AGREE = 1e-25
_TRIGONOMETRIC = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_DEGREE = re.compile(r"(\d+(?:\.\d+)?)\s*\^\s*\\circ(?![a-zA-Z])")
_LETTER = re.compile(r"\\[a-zA-Z]+|[a-zA-Z]")
#: whose parser evaluates them while it reads
_EAGER = re.compile(r"\\(?:d|t)?binom|\\choose|\\pmod|\\bmod|\\mod|\\gcd|\\lcm")


def same_expression(gold: str, answer: str) -> bool:
    """Whether two tidy expressions without lists, relations and units are equal."""
    if _letters(gold) != _letters(answer) and _letters(gold, fold=True) == _letters(
        answer, fold=True
    ):
        return False  # the parser does not tell A from a
    one, other = parsed(gold), parsed(answer)
    if one is None or other is None:
        return False
    agree = _agree(one, other)
    return _proved(one, other) if agree is None else agree


def proportional(gold: str, answer: str, *, positive: bool = False) -> bool:
    """Whether two expressions differ by a constant factor other than 0, as the two sides of an
    equation's forms do; ``positive``: by one above 0, as those of an inequality do.
    """
    one, other = parsed(gold), parsed(answer)
    if one is None or other is None:
        return False
    ratios = []
    for point in range(4):
        a, b = _value(one, point), _value(other, point)
        if a is None or b is None or abs(a) < _AGREE or abs(b) < _AGREE:
            return False
        ratios.append(a / b)
    constant = all(_close(ratio, ratios[0]) for ratio in ratios[1:])
    return constant and (not positive or (ratios[0].real > 0 and not ratios[0].imag))


def near(exact: str, decimal: str, distance: float) -> bool:
    """Whether an expression without letters is as close to a decimal as that."""
    from mpmath import mpf

    found = parsed(exact)
    if found is None or not hasattr(found, "free_symbols") or found.free_symbols:
        return False
    number = _value(found, 0)
    return number is not None and not number.imag and abs(number.real - mpf(decimal)) <= distance


def _letters(text: str, *, fold: bool = False) -> set[str]:
    found = {sign for sign in _LETTER.findall(text) if not sign.startswith("\\")}
    return {sign.lower() for sign in found} if fold else found


@lru_cache(maxsize=512)
def parsed(latex: str) -> Any:
    """A sympy expression or matrix, with exact numbers; None where there is nothing to be read."""
    if not _harmless(latex):
        return None
    if _TRIGONOMETRIC.search(latex):
        latex = _DEGREE.sub(r"\\frac{\1\\pi}{180}", latex)
    found = _parse(latex)
    if found is None or not _bounded(found):
        return None
    return _exact(found)


def _harmless(latex: str) -> bool:
    """Whether reading it cannot take long."""
    if not latex or len(latex) > _LONGEST or not latex.isprintable():
        return False
    depth = deepest = 0
    for sign in latex:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST or latex.count("^") > 40 or latex.count("-") > 100:
        return False
    return not (_EAGER.search(latex) and re.search(r"\d{5}|\^|!", latex))


def _parse(latex: str) -> Any:
    """What math-verify reads; its own time limit is a signal, which only a main thread may use."""
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
    from math_verify import parse
    from math_verify.parser import LatexExtractionConfig
    from sympy import Expr, MatrixBase
    from sympy.matrices.expressions.matexpr import MatrixExpr

    normalization = NormalizationConfig(
        basic_latex=True,
        units=False,
        malformed_operators=False,
        nits=False,
        boxed="none",
        equations=False,
    )
    config = LatexExtractionConfig(boxed_match_priority=-1, normalization_config=normalization)
    with _quiet("math_verify", "latex2sympy2_extended"):
        found = parse(f"${latex}$", [config], fallback_mode="no_fallback", parsing_timeout=None)
    expression = found[0] if found else None
    return expression if isinstance(expression, Expr | MatrixBase | MatrixExpr) else None


class _quiet:
    """Keeps loggers from warning, of the time limit that is left to the caller, for one."""

    def __init__(self, *names: str) -> None:
        self.loggers = [logging.getLogger(name) for name in names]

    def __enter__(self) -> None:
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)


def _exact(expression: Any) -> Any:
    """With decimals as fractions, and the letter i as the imaginary unit."""
    from sympy import E, Float, I, MatrixBase, Rational, Symbol

    if isinstance(expression, MatrixBase):
        return expression.applyfunc(_exact)
    decimals = {x: Rational(str(x)) for x in expression.atoms(Float)}
    letters = {"i": I, "e": E}
    units = {x: letters[x.name] for x in expression.atoms(Symbol) if x.name in letters}
    return expression.xreplace({**decimals, **units})


def _bounded(expression: Any) -> bool:
    """Whether no part of it is a number too long to be written out."""
    from sympy import preorder_traversal

    try:
        return all(_digits(part) <= _MOST_DIGITS for part in preorder_traversal(expression))
    except (RecursionError, OverflowError):
        return False


def _digits(part: Any) -> float:
    """About how many digits a part of an expression has; infinite where it has too many."""
    if getattr(part, "is_Number", False):
        try:
            return math.log10(abs(float(part)) + 1)
        except OverflowError:
            return len(str(part)) if part.is_Integer and part.bit_length() < 10**5 else math.inf
    name, args = type(part).__name__, list(getattr(part, "args", ()))
    if name in ("factorial", "binomial", "gamma", "subfactorial", "factorial2"):
        size = _digits(args[0])
        return math.inf if size > math.log10(_LARGEST_FACTORIAL) else 10**size * size
    if name in ("Pow", "exp"):
        size = _digits(args[-1])
        base = _digits(args[0]) if name == "Pow" else 0.5
        return math.inf if size > 4 else max(0.3, base) * 10**size
    if name in ("Mul", "MatMul"):
        return sum(_digits(arg) for arg in args)
    if name in ("Sum", "Product", "Integral", "Limit", "Derivative"):
        return math.inf  # no final answer, and whoever works it out may never end
    return max((_digits(arg) for arg in args), default=0.0) + math.log10(len(args) + 1)


def _agree(one: Any, other: Any) -> bool | None:
    """Whether they have the same values at three points; None where they have none."""
    from sympy import MatrixBase
    from sympy.matrices.expressions.matexpr import MatrixExpr

    matrices = [isinstance(x, MatrixBase | MatrixExpr) for x in (one, other)]
    if any(matrices):
        return _agree_matrices(one, other) if all(matrices) else False
    exact = [_rational(x) for x in (one, other)]
    if exact[0] is not None and exact[1] is not None:
        return bool(exact[0] == exact[1])
    undecided = False
    for point in range(3):
        a, b = _value(one, point), _value(other, point)
        if a is None or b is None:
            undecided = True
        elif not _close(a, b):
            return False
    return None if undecided else True


def _rational(expression: Any) -> Any:
    """The value of an expression that is a fraction, all digits of it; else None."""
    if expression.free_symbols:
        return None
    value = expression.doit()
    return value if value.is_Rational else None


def _agree_matrices(one: Any, other: Any) -> bool | None:
    try:
        first, second = (x.doit().as_explicit() for x in (one, other))
    except Exception:  # shapes that do not fit, whatever sympy calls it
        return False
    if first.shape != second.shape:
        return False
    pairs = zip(first.flat(), second.flat(), strict=True)
    return all(a == b or bool(_agree(a, b)) for a, b in pairs)


def _value(expression: Any, point: int) -> Any:
    """The value as an mpmath number, every letter standing for a number of its own; or None."""
    from mpmath import mpc, mpf
    from sympy import Rational

    numbers = {}
    for letter in expression.free_symbols:
        seed = crc32(f"{letter} {point}".encode())
        sign = -1 if point == 1 or (point > 1 and seed % 2) else 1
        numbers[letter] = Rational(sign * (seed % 9_973 + 211), 4_001)
    try:
        value = expression.subs(numbers).evalf(_DIGITS, maxn=200)
        real, imaginary = value.as_real_imag()
        if not (real.is_Number and imaginary.is_Number and real.is_finite):
            return None
        return mpc(mpf(real._mpf_), mpf(imaginary._mpf_) if imaginary else 0)
    except Exception:  # whatever sympy makes of functions without a value here
        return None


def _close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) <= _AGREE * (abs(a) + abs(b)) or abs(a - b) < 1e-35)


def _proved(one: Any, other: Any) -> bool:
    """math-verify's own verdict, for what has no value at a point, such as an unknown function."""
    from math_verify import verify

    with _quiet("math_verify"):
        return bool(verify(one, other, numeric_precision=_DIGITS, timeout_seconds=None))
