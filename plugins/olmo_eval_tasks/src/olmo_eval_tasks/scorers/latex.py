r"""The value of an answer in LaTeX, to sixty digits, safely.

A recursive-descent evaluator of what final answers are made of: numbers, letters, ``\frac``,
``\sqrt``, powers, the usual functions and constants. Computer algebra is no option here, because
model output is hostile: sympy's parser runs text as Python, and an exact ``9^{9^9}`` never ends.
So values are multi-precision floats that must stay within ``LARGEST`` at every step, which bounds
the time of each step, and tokens are counted, which bounds the number of steps.

Letters stand for fixed numbers near 1, others at each ``point``: two expressions that agree at
several points are the same expression (Schwartz 1980, polynomial identity testing).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

#: caps on characters, tokens and nesting of an expression, and on the size of every value
LONGEST, MOST_TOKENS, DEEPEST, LARGEST = 300, 150, 25, 10**30
DIGITS = 60
LARGEST_FACTORIAL = 25

_TOKEN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|\\.|\S)")
_IGNORED = frozenset({r"\,", r"\!", r"\;", r"\:", r"\ ", r"\displaystyle", r"\left", r"\right"})
_TIMES = frozenset({"*", r"\cdot", r"\times"})
_OVER = frozenset({"/", r"\div"})
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_FUNCTIONS = {
    r"\sin": "sin",
    r"\cos": "cos",
    r"\tan": "tan",
    r"\cot": "cot",
    r"\sec": "sec",
    r"\csc": "csc",
    r"\arcsin": "asin",
    r"\arccos": "acos",
    r"\arctan": "atan",
    r"\ln": "log",
    r"\log": "log",
}
_GREEK = frozenset(
    {r"\alpha", r"\beta", r"\gamma", r"\delta", r"\theta", r"\phi", r"\lambda", r"\mu", r"\omega"}
)
# The published normalisation takes the unit "ft" out of longer words.
_REPAIRED = (("\\le(", "("), ("\\le[", "["), ("\\iny", "\\infty"))


class Unreadable(ValueError):
    """The text is no expression that has a value here, or goes beyond one of the caps."""


@cache
def numbers() -> Any:
    """The arithmetic: a private mpmath context of ``DIGITS`` digits."""
    from mpmath.ctx_mp import MPContext  # type: ignore[import-untyped]

    context = MPContext()
    context.dps = DIGITS
    return context


def value(text: str, point: int = 0) -> Any:
    """The value of ``text`` where its letters stand for the numbers of ``point``.

    Raises:
        Unreadable: it has none.
    """
    if len(text) > LONGEST:
        raise Unreadable("too long")
    for spoiled, repaired in (*_REPAIRED, ("tfrac", "frac"), ("dfrac", "frac")):
        text = text.replace(spoiled, repaired)
    tokens = [token for token in _TOKEN.findall(text) if token not in _IGNORED]
    if not tokens or len(tokens) > MOST_TOKENS:
        raise Unreadable("nothing, or too much")
    try:
        return _Reader(tokens, point).whole()
    except (ArithmeticError, ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error


class _Reader:
    """Reads tokens from left to right and computes as it goes."""

    def __init__(self, tokens: list[str], point: int) -> None:
        self.mp = numbers()
        self.tokens = tokens
        self.point = point
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise Unreadable(f"expected {expected or 'more'}, got {token!r}")
        self.at += 1
        return token

    def bounded(self, number: Any) -> Any:
        if not abs(number) <= LARGEST:
            raise Unreadable("a huge value")
        return number

    def whole(self) -> Any:
        result = self.sum()
        if self.peek():
            raise Unreadable(f"{self.peek()!r} left over")
        return result

    def sum(self) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable("nested too deep")
        result = self.product()
        while self.peek() in ("+", "-"):
            sign = self.take()
            operand = self.product()
            result = self.bounded(result + operand if sign == "+" else result - operand)
        self.depth -= 1
        return result

    def product(self) -> Any:
        result = self.signed()
        while True:
            if self.peek() in _TIMES:
                self.take()
                result = self.bounded(result * self.signed())
            elif self.peek() in _OVER:
                self.take()
                result = self.bounded(result / self.signed())
            elif self.starts_factor():
                result = self.bounded(result * self.power())
            else:
                return result

    def starts_factor(self) -> bool:
        token = self.peek()
        return bool(token) and (token[0].isalnum() or token in _CLOSING or token[0] in ".\\")

    def signed(self) -> Any:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.take() == "-"
        result = self.power()
        return -result if negative else result

    def power(self) -> Any:
        base = self.marked()
        if self.peek() != "^":
            return base
        self.take()
        return self.raised(base, self.group())

    def raised(self, base: Any, exponent: Any) -> Any:
        """``base ** exponent``; its size is known before it is computed."""
        if base == 0:
            return self.mp.mpf(0) if exponent.real > 0 else self.bounded(1 / base)
        growth = (exponent * self.mp.log(base)).real
        if not abs(growth) <= self.mp.log(LARGEST):
            raise Unreadable("a huge power")
        return self.bounded(base**exponent)

    def group(self) -> Any:
        """A braced expression, or the one token that an exponent or argument may be.

        In LaTeX only the first digit of 2^10 is raised, but answers that say so mean the number.
        """
        if self.peek() == "{":
            return self.bracketed()
        if self.peek() == "-":
            self.take()
            return -self.atom()
        return self.atom()

    def argument(self) -> Any:
        r"""What ``\frac`` and ``\sqrt`` take: a braced expression, or one digit or token."""
        token = self.peek()
        if token.isdecimal():
            self.tokens[self.at : self.at + 1] = list(token)
        return self.group()

    def bracketed(self) -> Any:
        opening = self.take()
        result = self.sum()
        self.take(_CLOSING[opening])
        return result

    def marked(self) -> Any:
        result = self.atom()
        while self.peek() in ("!", "%", r"\%"):
            result = result / 100 if self.take() != "!" else self.factorial(result)
        return result

    def factorial(self, number: Any) -> Any:
        if not (self.mp.isint(number) and 0 <= number <= LARGEST_FACTORIAL):
            raise Unreadable("a huge factorial")
        return self.mp.factorial(number)

    def atom(self) -> Any:
        if self.peek() in _CLOSING:
            return self.bracketed()
        token = self.take()
        if token[0] in "0123456789" or (token[0] == "." and len(token) > 1):
            number = self.bounded(self.mp.mpf(token))
            return number + self.fraction_after() if token.isdecimal() else number
        if token[0] == "\\":
            return self.command(token)
        if token.isascii() and token.isalpha():
            return {"i": self.mp.j, "e": self.mp.e * 1}.get(token) or self.letter(token)
        if token == "π":
            return self.mp.pi * 1
        raise Unreadable(f"{token!r} is not part of an expression")

    def letter(self, name: str) -> Any:
        """A number between 0.6 and 1.4 that belongs to this letter at this point."""
        seed = sum(ord(c) * 31**i for i, c in enumerate(name)) + 7919 * self.point
        return self.mp.mpf(6) / 10 + (self.mp.sqrt(2) * seed % 1) * 8 / 10

    def fraction_after(self) -> Any:
        r"""What ``1\frac{1}{2}`` adds to 1, where it is a mixed number in plain digits; else 0."""
        following = self.tokens[self.at : self.at + 7]
        if [t for i, t in enumerate(following) if i not in (2, 5)] != [r"\frac", *"{}{}"]:
            return 0
        if not (following[2].isdecimal() and following[5].isdecimal()):
            return 0
        self.at += 7
        return self.mp.mpf(following[2]) / self.mp.mpf(following[5])

    def command(self, name: str) -> Any:
        if name == r"\frac":
            return self.bounded(self.argument() / self.argument())
        if name == r"\sqrt":
            degree = self.bracketed() if self.peek() == "[" else self.mp.mpf(2)
            return self.raised(self.argument(), 1 / degree)
        if name in (r"\binom", r"\dbinom", r"\tbinom"):
            n, k = self.factorial(above := self.group()), self.factorial(below := self.group())
            return self.bounded(n / (k * self.factorial(above - below)))
        if name in _FUNCTIONS:
            return self.function(name)
        if name == r"\pi":
            return self.mp.pi * 1
        if name in _GREEK or name == r"\infty":
            return self.letter(name)
        raise Unreadable(f"unknown command {name}")

    def function(self, name: str) -> Any:
        base = exponent = None
        if name == r"\log" and self.peek() == "_":
            self.take()
            base = self.group()
        if self.peek() == "^":
            self.take()
            exponent = self.group()
        argument = self.bracketed() if self.peek() in _CLOSING else self.power()
        result = self.bounded(getattr(self.mp, _FUNCTIONS[name])(argument))
        if base is not None:
            result = self.bounded(result / self.mp.log(base))
        return result if exponent is None else self.raised(result, exponent)
