r"""Reading answers in LaTeX as exact expressions, safely.

A recursive-descent reader of what final answers are made of: numbers, letters, ``\frac``,
``\sqrt``, powers, the usual functions and constants. It builds sympy expressions and never calls
sympy's own parser, which evaluates text as Python. Model output is hostile: lengths, digits,
nesting and the size of powers are capped, so that ``9^{9^9}`` is unreadable rather than endless.
"""

from __future__ import annotations

import re
from typing import Any

#: caps on characters, tokens, nesting, digits of a number, exponents, bits of an exact power
LONGEST, MOST_TOKENS, DEEPEST = 300, 150, 25
MOST_DIGITS, LARGEST_EXPONENT, MOST_BITS, LARGEST_FACTORIAL = 60, 1_000, 10_000, 100

_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+|\\[A-Za-z]+|\\.|\S)")
_IGNORED = frozenset({r"\,", r"\!", r"\;", r"\:", r"\ ", r"\displaystyle", r"\left", r"\right"})
_TIMES = frozenset({"*", r"\cdot", r"\times"})
_OVER = frozenset({"/", r"\div"})
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
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


class Unreadable(ValueError):
    """The text is no expression that this reader knows, or a dangerous one."""


def read(text: str) -> Any:
    """``text`` as a sympy expression.

    Raises:
        Unreadable: it is none, or it goes beyond one of the caps.
    """
    if len(text) > LONGEST:
        raise Unreadable("too long")
    # The published normalisation takes the unit "ft" out of "\left".
    text = re.sub(r"\\le(?=[(\[|{\\])", "", text).replace("tfrac", "frac").replace("dfrac", "frac")
    tokens = [t for t in _TOKEN.findall(text) if t not in _IGNORED]
    if not tokens or len(tokens) > MOST_TOKENS:
        raise Unreadable("nothing, or too much")
    return _Reader(tokens).whole()


class _Reader:
    """Reads tokens from left to right; ``depth`` counts nesting, ``powers`` nested exponents."""

    def __init__(self, tokens: list[str]) -> None:
        import sympy

        self.sympy: Any = sympy
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.powers = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise Unreadable(f"expected {expected or 'more'}, got {token!r}")
        self.at += 1
        return token

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
            result = result + operand if sign == "+" else result - operand
        self.depth -= 1
        return result

    def product(self) -> Any:
        result = self.signed()
        while True:
            if self.peek() in _TIMES:
                self.take()
                result = result * self.signed()
            elif self.peek() in _OVER:
                self.take()
                result = self.quotient(result, self.signed())
            elif self.starts_factor():
                result = result * self.power()
            else:
                return result

    def quotient(self, above: Any, below: Any) -> Any:
        if below == 0:
            raise Unreadable("division by zero")
        return above / below

    def starts_factor(self) -> bool:
        token = self.peek()
        return bool(token) and (token[0].isalnum() or token[0] in "(.{" or token[0] == "\\") and (
            token not in _TIMES | _OVER and token not in _CLOSING.values()
        )

    def signed(self) -> Any:
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
            if self.at > MOST_TOKENS:
                raise Unreadable("signs only")
        return sign * self.power()

    def power(self) -> Any:
        base = self.marked()
        if self.peek() != "^":
            return base
        self.take()
        self.powers += 1
        exponent = self.group()
        self.powers -= 1
        return self.raised(base, exponent)

    def raised(self, base: Any, exponent: Any) -> Any:
        """``base ** exponent``, where that stays small."""
        if exponent.free_symbols:
            if self.powers > 1 or base.has(self.sympy.Pow) and base.free_symbols:
                raise Unreadable("a tower of powers")
        elif not abs(self.sympy.N(exponent, 5)) <= LARGEST_EXPONENT:
            raise Unreadable("a huge power")
        if base.is_Rational and exponent.is_Rational:
            bits = max(abs(base.p), base.q).bit_length() * abs(exponent.p)
            if bits > MOST_BITS or (base == 0 and exponent <= 0):
                raise Unreadable("a huge power")
        return base**exponent

    def group(self) -> Any:
        """A braced expression, or the one token that an exponent or argument may be."""
        if self.peek() == "{":
            return self.bracketed()
        if self.peek() == "-":
            self.take()
            return -self.group()
        if self.peek()[:1].isdigit() and len(self.peek()) > 1:
            # In LaTeX only the first digit is raised, but answers that say 2^10 mean the number.
            return self.number(self.take())
        return self.atom()

    def bracketed(self) -> Any:
        opening = self.take()
        result = self.sum()
        self.take(_CLOSING[opening])
        return result

    def marked(self) -> Any:
        result = self.atom()
        while self.peek() in ("!", "%", r"\%"):
            if self.take() != "!":
                result = result / 100
            elif result.is_Integer and 0 <= result <= LARGEST_FACTORIAL:
                result = self.sympy.factorial(result)
            else:
                raise Unreadable("a huge factorial")
        return result

    def number(self, token: str) -> Any:
        if len(token) > MOST_DIGITS:
            raise Unreadable("too many digits")
        return self.sympy.Rational(token)

    def atom(self) -> Any:
        token = self.peek()
        if token in _CLOSING and token != r"\{":
            return self.bracketed()
        self.take() if token else self.take("an expression")
        if token[0].isdigit() or token[0] == ".":
            return self.mixed(self.number(token))
        if token[0] == "\\":
            return self.command(token)
        if token.isascii() and token.isalpha():
            known = {"i": self.sympy.I, "e": self.sympy.E}
            return known.get(token) or self.sympy.Symbol(token)
        if token == "π":
            return self.sympy.pi
        raise Unreadable(f"{token!r} is no part of an expression")

    def mixed(self, whole: Any) -> Any:
        r"""``1\frac{1}{2}`` is one and a half, where all of it is plain digits."""
        following = self.tokens[self.at : self.at + 7]
        if len(following) < 7 or not whole.is_Integer or following[0] != r"\frac":
            return whole
        _, a, above, b, c, below, d = following
        if (a, b, c, d) != ("{", "}", "{", "}") or not (above.isdecimal() and below.isdecimal()):
            return whole
        self.at += 7
        return whole + self.quotient(self.number(above), self.number(below))

    def command(self, name: str) -> Any:
        if name == r"\frac":
            return self.quotient(self.group(), self.group())
        if name == r"\sqrt":
            degree = self.bracketed() if self.peek() == "[" else self.sympy.Integer(2)
            return self.raised(self.group(), self.quotient(self.sympy.Integer(1), degree))
        if name in (r"\binom", r"\dbinom", r"\tbinom"):
            return self.choose(self.group(), self.group())
        if name in _FUNCTIONS:
            return self.function(name)
        constants = {r"\pi": self.sympy.pi, r"\infty": self.sympy.oo}
        if name in constants:
            return constants[name]
        if name in (r"\alpha", r"\beta", r"\gamma", r"\theta", r"\phi", r"\lambda", r"\omega"):
            return self.sympy.Symbol(name[1:])
        raise Unreadable(f"unknown command {name}")

    def function(self, name: str) -> Any:
        base = None
        if name == r"\log" and self.peek() == "_":
            self.take()
            base = self.group()
        exponent = None
        if self.peek() == "^":
            self.take()
            exponent = self.group()
        argument = self.bracketed() if self.peek() in ("(", "{") else self.power()
        apply = getattr(self.sympy, _FUNCTIONS[name])
        value = apply(argument) if base is None else apply(argument) / apply(base)
        return value if exponent is None else self.raised(value, exponent)

    def choose(self, n: Any, k: Any) -> Any:
        if not (n.is_Integer and k.is_Integer and 0 <= n <= LARGEST_FACTORIAL):
            raise Unreadable("a huge binomial coefficient")
        return self.sympy.binomial(n, k)
