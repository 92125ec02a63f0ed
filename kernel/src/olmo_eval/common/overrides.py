"""``-o key=value``: one grammar and one typed parser for every setting of the workbench.

    limit=200                      a number, a boolean, null
    sampling_params.temperature=0.7
    stop_sequences=["\\n\\n", "Q:"]   JSON, or a bare list: [a, b]
    stop_sequences=END             where a list is expected, one value is a list of one
    sandboxes.0.memory=1g          numbers index lists
    formatter.template='Q: {question}'   quotes keep a value a string

A value is converted to the type of the field it goes to: ``revision=1234`` stays text, and so do
the items of ``stop_sequences=[10, 20]``.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import attrs

from olmo_eval.common.convert import structure
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import UsageError

T = TypeVar("T")


@attrs.frozen
class Override:
    """One parsed override: the path to a setting and the text or value for it."""

    path: tuple[str, ...]
    value: Any
    text: str

    @property
    def key(self) -> str:
        return ".".join(self.path)

    @classmethod
    def from_text(cls, text: Any) -> Override:
        """``parse_override``, for the converter to and from JSON."""
        if not isinstance(text, str):
            raise ValueError(f"expected a text KEY=VALUE, got {text!r:.80}")
        return parse_override(text)


def parse_override(text: str) -> Override:
    """Parse ``key=value``.

    Raises:
        UsageError: there is no ``=``, or the key is empty or malformed.
    """
    key, equals, raw = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals:
        raise UsageError(f"override {text!r} has no '='", hint="write -o key=value")
    if not all(path):
        raise UsageError(f"override {text!r} has an empty key", hint="write -o key=value")
    return Override(path, parse_value(raw), text)


_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None}


def parse_value(raw: str) -> Any:
    """The value written as ``raw``: JSON where it is JSON, else a word, a bare list or text."""
    text = raw.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        pass
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    if text.startswith("[") and text.endswith("]"):
        return [parse_value(item) for item in _split_list(text[1:-1])]
    return raw


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number here")


def _split_list(text: str) -> list[str]:
    """Split at commas that stand outside quotes and brackets; an empty text has no items."""
    items, depth, quote, start = [], 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and depth == 0:
            items.append(text[start:i])
            start = i + 1
    items.append(text[start:])
    return [item.strip() for item in items] if text.strip() else []


def apply_overrides(target: T, overrides: Iterable[Override], *, where: str) -> T:
    """A copy of the attrs value ``target`` with every override applied, in order.

    Raises:
        UsageError: an unknown key (with the closest known ones) or a value of the wrong type.
    """
    for override in overrides:
        target = _set(target, override.path, override, where, typing.Any)
    return target


def _set(target: Any, path: tuple[str, ...], override: Override, where: str, kind: Any) -> Any:
    if not path:
        return _convert(override, kind, where)
    head, rest = path[0], path[1:]
    if attrs.has(type(target)):
        return _set_field(target, head, rest, override, where)
    if isinstance(target, Mapping):
        value_kind = (typing.get_args(_strip_optional(kind)) or (Any, Any))[-1]
        missing: Any = None if attrs.has(_strip_optional(value_kind)) else {}
        inner = _set(target.get(head, missing), rest, override, where, value_kind)
        return {**target, head: inner}
    if isinstance(target, Sequence) and not isinstance(target, str):
        return _set_item(target, head, rest, override, where, kind)
    concrete = _strip_optional(kind)
    if target is None and attrs.has(concrete):
        return _set_field(_default(concrete, override), head, rest, override, where)
    raise UsageError(
        f"override {override.text!r}: {where} has nothing below {_above(override, path)!r}"
    )


def _above(override: Override, path: tuple[str, ...]) -> str:
    return ".".join(override.path[: len(override.path) - len(path)])


def _default(kind: Any, override: Override) -> Any:
    try:
        return kind()
    except TypeError as error:
        raise UsageError(
            f"override {override.text!r}: {kind.__name__} is not set yet",
            hint=f"give the whole value as JSON: -o '{override.path[0]}={{...}}'",
        ) from error


def _set_field(
    target: Any, head: str, rest: tuple[str, ...], override: Override, where: str
) -> Any:
    known = [f.name for f in attrs.fields(type(target)) if f.init]
    if head not in known:
        otherwise = f"it has: {', '.join(sorted(known))}"
        if "kwargs" in known:  # what is behind the target has settings of its own
            below = f"{_above(override, (head, *rest))}.kwargs.{head}".lstrip(".")
            otherwise += f"; what is passed on goes below kwargs: {below}"
        raise UsageError(
            f"override {override.text!r}: {where} has no setting {override.key!r}",
            hint=did_you_mean(head, known, otherwise=otherwise),
        )
    kind = field_types(type(target)).get(head, Any)  # type: ignore[arg-type]
    if not rest and _reads_text(type(target), head):
        inner = override.value  # the field's own converter knows what the text means
    else:
        inner = _set(getattr(target, head), rest, override, where, kind)
    try:
        return attrs.evolve(target, **{head: inner})
    except (ValueError, TypeError) as error:
        raise UsageError(f"override {override.text!r}: {error.args[0]}") from error


def _reads_text(kind: type[Any], name: str) -> bool:
    """Whether a field says ``metadata={"reads_text": True}``: its converter takes text."""
    return bool(attrs.fields_dict(kind)[name].metadata.get("reads_text"))


def _set_item(
    target: Sequence[Any],
    head: str,
    rest: tuple[str, ...],
    override: Override,
    where: str,
    kind: Any,
) -> Any:
    if not head.isdecimal() or int(head) > len(target):
        raise UsageError(
            f"override {override.text!r}: {_above(override, (head, *rest))!r} is a list of "
            f"{len(target)}; {head!r} is not an index of it"
        )
    index = int(head)
    item_kind = (typing.get_args(_strip_optional(kind)) or (Any,))[0]
    old = target[index] if index < len(target) else None
    new = _set(old, rest, override, where, item_kind)
    return type(target)([*target[:index], new, *target[index + 1 :]])  # type: ignore[call-arg]


@cache
def field_types(kind: type[Any]) -> dict[str, Any]:
    """Resolved types of the fields of an attrs class."""
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if attrs.has(base):
            try:
                hints.update(typing.get_type_hints(base))
            except NameError:
                continue
    return hints


def _strip_optional(kind: Any) -> Any:
    """``X | None`` -> ``X``; anything else as it is."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(kind) if m is not type(None)]
        return members[0] if len(members) == 1 else kind
    return kind


def _accepts_text(kind: Any) -> bool:
    return kind is str or str in typing.get_args(kind)


def _lists_text(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple and typing.get_args(kind) == (str, ...)


def _raw(override: Override) -> str:
    """What stands behind the ``=``."""
    return override.text.partition("=")[2]


def _items_as_written(raw: str) -> list[Any]:
    """The items of the list ``raw``, or ``raw`` as the only one; numbers and words stay text."""
    text = raw.strip()
    try:
        read = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        if not (text.startswith("[") and text.endswith("]")):
            return [text]
        pairs = [(parse_value(item), item) for item in _split_list(text[1:-1])]
        return [v if isinstance(v, str | list | dict) else item for v, item in pairs]
    found = read if isinstance(read, list) else [read]
    return [item if isinstance(item, str | list | dict) else json.dumps(item) for item in found]


def _convert(override: Override, kind: Any, where: str) -> Any:
    """The override's value as ``kind``, the type of the field it goes to."""
    value, concrete = override.value, _strip_optional(kind)
    if kind is Any or (value is None and type(None) in typing.get_args(kind)):
        return value
    if _lists_text(concrete) and value is not None and not isinstance(value, str | Mapping):
        value = _items_as_written(_raw(override))
    elif _accepts_text(concrete) and not isinstance(value, str | Mapping | list):
        return _raw(override)
    if isinstance(value, str) and str in typing.get_args(concrete):
        return value  # the field takes text as well as what text may name, and tells them apart
    if hasattr(concrete, "parse") and isinstance(value, str):
        return concrete.parse(value)
    for member in typing.get_args(concrete):
        if hasattr(member, "parse") and isinstance(value, str):
            return member.parse(value)
    if isinstance(concrete, type) and issubclass(concrete, Enum):
        return _enum(concrete, value, override)
    return structure(value, concrete, where=f"override {override.text!r}")


def _enum(kind: type[Enum], value: Any, override: Override) -> Enum:
    for member in kind:
        if value in (member.value, member.name, str(member.name).lower()):
            return member
    choices = ", ".join(str(m.value) for m in kind)
    raise UsageError(f"override {override.text!r}: expected one of {choices}")
