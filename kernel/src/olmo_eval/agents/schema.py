"""From the type hints of a tool's function to the JSON Schema that the model is told."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

import attrs

from olmo_eval.errors import UsageError

_SCALARS: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    None: "null",
    type(None): "null",
}
_ARRAYS = (list, Sequence, Iterable)
_SETS = (set, frozenset, AbstractSet)
_OBJECTS = (dict, Mapping)
_WAY_OUT = "use str, int, float, bool, list, dict, Literal, Enum, TypedDict or an attrs class"


def json_schema(hint: Any) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a type hint.

    Scalars, None, lists, tuples, sets, dicts with text keys, unions, ``Literal``, enumerations,
    typed dictionaries, attrs classes and dataclasses, in any nesting; ``Annotated[..., "text"]``
    adds a description.

    Raises:
        UsageError: the hint means nothing in JSON, or means itself.
    """
    return _schema(hint, ())


def _schema(hint: Any, within: tuple[Any, ...]) -> dict[str, Any]:
    hint = getattr(hint, "__supertype__", hint)  # of typing.NewType
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    kind = hint if origin is None else origin
    if kind is typing.Annotated:
        described = _schema(arguments[0], within)
        notes = [a for a in arguments[1:] if isinstance(a, str)]
        return {**described, "description": notes[0]} if notes else described
    if kind in (typing.Required, typing.NotRequired):
        return _schema(arguments[0], within)
    if kind is Any or kind is object:
        return {}
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if kind is typing.Literal:
        return _enumeration(arguments)
    if kind in (typing.Union, types.UnionType):
        return _union(arguments, within)
    if kind in (tuple, *_ARRAYS, *_SETS, *_OBJECTS):
        return _container(kind, arguments, within)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enumeration([member.value for member in kind])
    return _record(kind, within)


def _union(members: Sequence[Any], within: tuple[Any, ...]) -> dict[str, Any]:
    """``within`` a class, a tuple or a set values are built, and must be told apart for that."""
    others = [member for member in members if member is not type(None)]
    built = any(not typing.is_typeddict(kind) for kind in within)
    alike = built and not all(member in _SCALARS for member in others)
    if len(others) > 1 and (alike or any(map(is_built, others))):
        names = ", ".join(map(_name, others))
        raise UsageError(f"JSON does not tell which of {names} a value is", hint=_WAY_OUT)
    return {"anyOf": [_schema(member, within) for member in members]}


def _enumeration(values: Iterable[Any]) -> dict[str, Any]:
    found = list(values)
    for value in found:
        if type(value) not in _SCALARS:
            raise UsageError(f"{value!r} is not a JSON value", hint=_WAY_OUT)
    kinds = {_SCALARS[type(value)] for value in found}
    return {"type": kinds.pop(), "enum": found} if len(kinds) == 1 else {"enum": found}


def _container(kind: Any, arguments: Sequence[Any], within: tuple[Any, ...]) -> dict[str, Any]:
    if kind in _OBJECTS:
        key, value = arguments or (str, Any)
        if key is not str:
            raise UsageError(f"the keys of a JSON object are text, not {_name(key)}", hint=_WAY_OUT)
        inner = _schema(value, within)
        return {"type": "object", **({"additionalProperties": inner} if inner else {})}
    if kind is tuple or kind in _SETS:
        within = (*within, kind)
    if kind is tuple and arguments and arguments[-1] is not ...:
        members = [_schema(a, within) for a in arguments]
        return {
            "type": "array",
            "prefixItems": members,
            "minItems": len(members),
            "maxItems": len(members),
        }
    unique = {"uniqueItems": True} if kind in _SETS else {}
    return {"type": "array", "items": _schema((*arguments, Any)[0], within), **unique}


def _record(kind: Any, within: tuple[Any, ...]) -> dict[str, Any]:
    """An object with fixed keys: a typed dictionary, an attrs class, a dataclass."""
    if kind in within:
        raise UsageError(f"the type {_name(kind)} contains itself", hint=_WAY_OUT)
    if not (typing.is_typeddict(kind) or attrs.has(kind) or dataclasses.is_dataclass(kind)):
        raise UsageError(f"the type {_name(kind)} means nothing in JSON", hint=_WAY_OUT)
    hints = typing.get_type_hints(kind, include_extras=True)
    if typing.is_typeddict(kind):
        names = list(hints)
        required = {n for n in names if _is_required(kind, n, hints[n])}
    elif attrs.has(kind):
        fields = [f for f in attrs.fields(kind) if f.init]
        names = [f.name for f in fields]
        required = {f.name for f in fields if f.default is attrs.NOTHING}
    else:
        members = [f for f in dataclasses.fields(kind) if f.init]
        empty = dataclasses.MISSING
        names = [f.name for f in members]
        required = {f.name for f in members if f.default is empty and f.default_factory is empty}
    return object_schema({n: _schema(hints[n], (*within, kind)) for n in names}, required)


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    """The class itself does not know where its annotations are postponed."""
    if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        return typing.get_origin(hint) is typing.Required
    return name in kind.__required_keys__


def object_schema(properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    """An object with these ``properties`` and no others."""
    wanted = set(required)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name in wanted],
        "additionalProperties": False,
    }


def is_built(hint: Any) -> bool:
    """Whether a value of ``hint`` is more than what JSON reads as: an enumeration's member, an
    instance of a class, a tuple or a set, at any depth."""
    hint = getattr(hint, "__supertype__", hint)
    kind = typing.get_origin(hint) or hint
    if kind is typing.Literal:
        return False
    if kind is tuple or kind in _SETS:
        return True
    if typing.is_typeddict(kind):
        return any(map(is_built, typing.get_type_hints(kind).values()))
    own = isinstance(kind, type) and (issubclass(kind, Enum) or attrs.has(kind))
    return own or dataclasses.is_dataclass(kind) or any(map(is_built, typing.get_args(hint)))


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)
