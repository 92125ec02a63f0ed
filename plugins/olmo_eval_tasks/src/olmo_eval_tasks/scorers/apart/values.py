"""Python values as JSON that decodes to plain builtin values again, and to nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from types import GeneratorType
from typing import Any

DEEPEST = 200

#: containers by their tag; subclasses travel as what they are equal to
_CONTAINERS: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_CONTAINERS["deque"] = deque
_NUMBERS: dict[str, type] = {"Decimal": Decimal, "Fraction": Fraction}
#: what is read once, and travels as what it gives
_ITERATORS = (
    *(type(made) for made in (iter([]), iter(()), iter(set()), iter({}), iter(""), iter(range(0)))),
    *(map, filter, zip, enumerate, reversed, GeneratorType),
)
#: of an iterator without end, tests see this many items
_MOST_ITEMS = 100_000


_VIEWS: dict[type, str] = {type({}.keys()): "keys", type({}.values()): "values"}
_VIEWS[type({}.items())] = "items"


class Untransferable(Exception):
    """A value that cannot travel."""


def encode(value: Any, refer: Callable[[Any], Any] | None = None, depth: int = 0) -> Any:
    """``value`` as JSON; ``refer`` gives a reference to what is no plain value.

    Raises:
        Untransferable: it is no plain value and there is no ``refer``, or it is nested too deep.
    """
    if depth > DEEPEST:
        raise Untransferable("a value that is nested too deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | str):
        return _plain(value)
    for tag, kind in _CONTAINERS.items():
        if isinstance(value, kind):
            items: Any = kind.__iter__(value)  # type: ignore[attr-defined]
            return {tag: [encode(item, refer, depth + 1) for item in items]}
    if isinstance(value, dict):
        pairs = [[encode(part, refer, depth + 1) for part in pair] for pair in dict.items(value)]
        return {"dict": pairs}
    if isinstance(value, bytes | bytearray):
        return {"bytes": bytes(value).hex(), "mutable": isinstance(value, bytearray)}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    for tag, kind in _NUMBERS.items():
        if type(value) is kind:
            return {"number": [tag, str(value)]}
    if type(value) in _ITERATORS:
        given = islice(value, _MOST_ITEMS)
        return {"iterator": [encode(item, refer, depth + 1) for item in given]}
    if type(value) in _VIEWS:
        tag = _VIEWS[type(value)]
        return {tag: [encode(item, refer, depth + 1) for item in value]}
    if refer is None:
        raise Untransferable(f"a value of type {type(value).__name__}")
    return {"reference": refer(value)}


def _plain(value: int | float | str) -> int | float | str:
    """The number or text itself, where a subclass might say something else."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def decode(value: Any, referred: Callable[[Any], Any]) -> Any:
    """The value that ``encode`` has made this of; ``referred`` gives what a reference means.

    Raises:
        ValueError: nothing encodes to this.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError("a list that is no value")
        return value
    for tag, kind in _CONTAINERS.items():
        if tag in value:
            return kind(decode(item, referred) for item in value[tag])
    if "dict" in value:
        return {decode(k, referred): decode(v, referred) for k, v in value["dict"]}
    if "iterator" in value:
        return iter([decode(item, referred) for item in value["iterator"]])
    if "keys" in value:
        return dict.fromkeys(decode(item, referred) for item in value["keys"]).keys()
    if "items" in value:
        return {k: v for k, v in (decode(pair, referred) for pair in value["items"])}.items()
    if "values" in value:
        return dict(enumerate(decode(item, referred) for item in value["values"])).values()
    if "bytes" in value:
        data = bytes.fromhex(value["bytes"])
        return bytearray(data) if value["mutable"] else data
    if "complex" in value:
        return complex(*value["complex"])
    if "range" in value:
        return range(*value["range"])
    if "number" in value:
        tag, text = value["number"]
        return _NUMBERS[tag](text)
    if "reference" in value:
        return referred(value["reference"])
    raise ValueError("an object that is no value")
