"""The tool ``calculator``: arithmetic by walking the syntax tree, never by running code."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Annotated, Any

from olmo_eval.agents.tools import tool

_MAX_LENGTH = 1000  # characters of an expression
_MAX_BITS = 4096  # bits of an integer: about 1200 digits

Number = int | float

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Number]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    name: getattr(math, name)
    for name in ("sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "floor", "ceil", "gcd")
} | {"abs": abs, "round": round, "min": min, "max": max}
_CONSTANTS = {"pi": math.pi, "e": math.e}


@tool
async def calculator(
    expression: Annotated[str, "For example (3 + 4) * 2 ** 10 / sqrt(2)."],
) -> str:
    """Evaluate an arithmetic expression: + - * / // % ** and parentheses; sqrt, exp, log, log2,
    log10, sin, cos, tan, floor, ceil, gcd, abs, round, min, max; pi and e."""
    return str(evaluate(expression))


def evaluate(expression: str) -> Number:
    """The value of an arithmetic expression.

    Raises:
        ValueError: it is none, or it is too large; the text is for the model to read.
    """
    text = expression.strip().replace("^", "**").replace("\u00d7", "*").replace("\u2212", "-")
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"the expression is longer than {_MAX_LENGTH} characters")
    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError):
        raise ValueError("this is not an arithmetic expression") from None
    except ZeroDivisionError:
        raise ValueError("division by zero") from None
    except OverflowError:
        raise ValueError("the number is too large") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _checked(value)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.BinOp(op=ast.Pow()):
            return _power(_value(node.left), _value(node.right))
        case ast.BinOp() if type(node.op) in _BINARY:
            return _checked(_BINARY[type(node.op)](_value(node.left), _value(node.right)))
        case ast.UnaryOp() if type(node.op) in _UNARY:
            return _UNARY[type(node.op)](_value(node.operand))
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            return _call(name, [_value(argument) for argument in node.args])
    raise ValueError(f"{ast.unparse(node)[:40]!r} is not allowed in an expression")


def _call(name: str, arguments: list[Number]) -> Number:
    try:
        return _checked(_FUNCTIONS[name](*arguments))
    except TypeError:
        raise ValueError(f"{name} does not take these arguments") from None


def _power(base: Number, exponent: Number) -> Number:
    """Refused before it is computed where the result would be too large."""
    whole = isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1
    if whole and int(base).bit_length() * exponent > _MAX_BITS:
        raise ValueError("the number is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("the result is not a real number")
    return _checked(result)


def _checked(value: Number) -> Number:
    large = value.bit_length() > _MAX_BITS if isinstance(value, int) else not math.isfinite(value)
    if large:
        raise ValueError("the number is too large")
    return value
