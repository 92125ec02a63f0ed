"""The one converter between values and JSON: strict about keys, exact about places."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import attrs

from olmo_eval.common import types
from olmo_eval.common.sequences import items
from olmo_eval.common.settings import settings_of
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import UsageError

T = TypeVar("T")


@cache
def converter() -> Any:
    """The cattrs converter: unknown keys are refused, errors carry their path."""
    from cattrs.preconf.json import make_converter

    mine = make_converter(forbid_extra_keys=True, omit_if_default=False)
    mine.register_structure_hook_func(lambda t: t is Any, lambda value, _: value)
    for scalar in (int, float, bool, str):
        mine.register_structure_hook(scalar, _strict_scalar)
    mine.register_structure_hook_func(lambda t: t == str | bytes, _text_or_bytes)
    mine.register_structure_hook_func(_is_written, lambda value, kind: kind.from_text(value))
    mine.register_structure_hook_func(
        lambda t: _named_value(t) is not None,
        lambda value, t: (
            value if isinstance(value, str) else mine.structure(value, _named_value(t))
        ),
    )
    _read_sequences_as_items(mine)
    return mine


_SEQUENCES: dict[Any, type[Any]] = {
    tuple: tuple, list: list, set: set, frozenset: frozenset, Sequence: tuple,
}  # fmt: skip


def _read_sequences_as_items(mine: Any) -> None:
    """Have ``mine`` read every kind of sequence as ``items`` does: a text is a list of one."""
    structure_tuple = mine.get_structure_hook(tuple[Any, ...])

    def structure_sequence(value: Any, hint: Any) -> Any:
        kind, members = _SEQUENCES[_bare(hint)], get_args(hint)
        if kind is not tuple or not members:
            hint = tuple[(members or (Any,))[0], ...]  # type: ignore[misc]
        return kind(structure_tuple(items(value), hint))

    mine.register_structure_hook_func(lambda hint: _bare(hint) in _SEQUENCES, structure_sequence)


def _is_written(hint: Any) -> bool:
    """Whether values of a class are written as text, which its ``from_text`` reads."""
    return isinstance(hint, type) and hasattr(hint, "from_text")


def _named_value(hint: Any) -> Any:
    """``X`` of ``str | X``, an attrs class whose values also have names; None of anything else."""
    others = [member for member in get_args(hint) if member is not str]
    is_union = get_origin(hint) is UnionType and len(get_args(hint)) == 2
    return others[0] if is_union and len(others) == 1 and attrs.has(others[0]) else None


def _bare(hint: Any) -> Any:
    """``tuple`` of ``tuple[str, ...]``; a hint without parameters is bare itself."""
    origin: Any = get_origin(hint)
    return hint if origin is None else origin


def _strict_scalar(value: Any, kind: type[Any]) -> Any:
    """No silent conversions: ``"4"`` is no int, 1 is a float, True is neither."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError("expected float, got a number beyond all floats") from None
    if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
        return value
    raise ValueError(f"expected {kind.__name__}, got {value!r}")


def _text_or_bytes(value: Any, _kind: Any) -> str | bytes:
    """A text, or the bytes that ``{"base64": ...}`` stands for."""
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, Mapping) and set(value) == {"base64"}:
        try:
            return base64.b64decode(value["base64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise ValueError(f"is not valid base64: {error}") from error
    raise ValueError(f'expected a text or {{"base64": ...}}, got {value!r:.80}')


def structure(value: Any, kind: type[T], *, where: str) -> T:
    """``value`` (JSON-like) as a ``kind``.

    Raises:
        UsageError: naming the path below ``where`` and what was expected there.
    """
    from cattrs.errors import (
        BaseValidationError,
        ForbiddenExtraKeysError,
        StructureHandlerNotFoundError,
    )

    try:
        return converter().structure(value, kind)  # type: ignore[no-any-return]
    except BaseValidationError as error:
        path, cause = _first_cause(error)
        if isinstance(cause, ForbiddenExtraKeysError):
            key = sorted(map(str, cause.extra_fields))[0]
            known = [f.name for f in attrs.fields(cause.cl)]
            raise UsageError(
                f"{where}{path}: unknown key {key!r}",
                hint=did_you_mean(key, known, otherwise=f"known keys: {', '.join(known)}"),
            ) from error
        raise UsageError(f"{where}{path}: {_explain(cause)}") from error
    except StructureHandlerNotFoundError as error:
        raise UsageError(
            f"{where}: a {getattr(kind, '__name__', kind)} is not a plain value",
            hint="change its own settings, one by one: KEY.SETTING=VALUE",
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{where}: {_explain(error)}") from error


def _first_cause(error: BaseException, path: str = "") -> tuple[str, BaseException]:
    """The first leaf of cattrs's tree of errors, with its path."""
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    if not isinstance(error, BaseExceptionGroup):
        return path, error
    child = error.exceptions[0]
    for note in getattr(child, "__notes__", []):
        if isinstance(note, AttributeValidationNote):
            return _first_cause(child, f"{path}.{note.name}")
        if isinstance(note, IterableValidationNote):
            return _first_cause(child, f"{path}[{note.index!r}]")
    return _first_cause(child, path)


def _explain(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"missing key {error.args[0]!r}" if error.args else "missing key"
    if isinstance(error, AttributeError) and error.name in ("keys", "items"):
        return f"expected a mapping of settings, got {error.obj!r}"
    return str(error)


def to_json(value: Any) -> Any:
    """``value`` as JSON types: attrs classes and dataclasses become objects, sets become sorted
    lists, bytes become ``{"base64": ...}``.

    Objects that are not plain data (scorers, formatters, metrics) say their class under
    ``"class"``; the kernel's types are plain, and so is a class that says ``plain_data = True``.
    A value whose class has ``from_text`` becomes its ``text``, a member of an enumeration its
    value. Functions become their import path. The result is stable: equal values give equal JSON
    on every machine.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(to_json(v) for v in value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if _is_written(type(value)):
        return value.text
    if attrs.has(type(value)) or _is_record(value):
        return _record_to_json(value)
    if isinstance(value, Iterable):
        return [to_json(v) for v in value]
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module and name:
        return f"{module}:{name}"
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _record_to_json(value: Any) -> dict[str, Any]:
    kind = type(value)
    plain = getattr(kind, "plain_data", False) or kind.__module__.startswith(types.__name__)
    head = {} if plain else {"class": f"{kind.__module__}:{kind.__qualname__}"}
    return {**head, **{name: to_json(part) for name, part in settings_of(value).items()}}
