"""Values with settings that may be attrs classes, dataclasses or plain classes.

Scorers, metrics and formatters of the kernel are attrs classes. A subclass may be decorated with
``@frozen``, with ``@dataclass`` or with nothing at all; either way it takes the settings of its
bases by name, and has their defaults.
"""

from __future__ import annotations

import dataclasses
from abc import ABCMeta
from collections.abc import Iterator
from functools import cache
from typing import Any

import attrs

_FIXED = "__fixed_settings__"


def _constants(namespace: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a class body fixes, and does not declare as a field."""
    hints = namespace.get("__annotations__", {})
    for name, value in namespace.items():
        fixed = "ClassVar" in str(hints[name]) if name in hints else True
        if fixed and not name.startswith("__") and not hasattr(value, "__get__"):
            yield name, value


class SettingsMeta(ABCMeta):
    """Makes values of classes that are no attrs classes themselves but have settings of one."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **keywords: Any
    ) -> Any:
        if _FIXED not in namespace:  # attrs makes a class of slots anew, without such values
            namespace[_FIXED] = dict(_constants(namespace))
        return super().__new__(mcs, name, bases, namespace, **keywords)

    def __call__(cls, *args: Any, **named: Any) -> Any:
        if _has_constructor_of_attrs(cls):
            return super().__call__(*args, **{**_fixed(cls), **named})
        _thaw(cls)
        inherited, fixed = _inherited(cls), _fixed(cls)
        given = {name: named.pop(name) for name in inherited if name in named}
        made = super().__call__(*args, **named)
        for name, attribute in inherited.items():
            if name in given or not _is_set(made, name):
                value = given.get(name, fixed.get(name, attrs.NOTHING))
                object.__setattr__(made, name, _converted(made, attribute, value))
        for attribute in attrs.fields(cls):  # type: ignore[arg-type]
            if attribute.name not in inherited:  # a field of a dataclass, in place of an attrs one
                value = _converted(made, attribute, getattr(made, attribute.name))
                object.__setattr__(made, attribute.name, value)
        return made


@cache
def _has_constructor_of_attrs(cls: type[Any]) -> bool:
    """Whether the constructor is one that attrs wrote, for this class or the base of a plain one;
    or one for no settings at all."""
    if not attrs.has(cls):
        return True
    for base in cls.__mro__:
        if "__init__" in base.__dict__:
            return "__attrs_attrs__" in base.__dict__
    return True


def _inherited(cls: type[Any]) -> dict[str, Any]:
    """The settings of attrs bases that the class does not set as its own fields."""
    own = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    known = attrs.fields(cls) if attrs.has(cls) else ()
    return {a.name: a for a in known if a.name not in own}


@cache
def _fixed(cls: type[Any]) -> dict[str, Any]:
    """Settings that a class, or a base, fixes in its body: ``name = "mine"``."""
    settings = {a.name for a in attrs.fields(cls) if a.init} if attrs.has(cls) else set()
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name in settings:
            if name in base.__dict__.get(_FIXED, ()):
                found[name] = base.__dict__[_FIXED][name]
            elif name in base.__dict__ and not hasattr(base.__dict__[name], "__get__"):
                found[name] = base.__dict__[name]
            elif name in getattr(base.__dict__.get("__dataclass_fields__"), "keys", dict)():
                found.pop(name, None)
        for attribute in base.__dict__.get("__attrs_attrs__", ()):
            if not attribute.inherited and attribute.name not in base.__dict__.get(_FIXED, ()):
                found.pop(attribute.name, None)
    return found


def _thaw(cls: type[Any]) -> None:
    """Let the constructor of a dataclass that is not frozen, or of a plain class, set things."""
    parameters = cls.__dict__.get("__dataclass_params__")
    frozen = parameters is not None and parameters.frozen
    if not frozen and "__setattr__" not in cls.__dict__:
        cls.__setattr__ = object.__setattr__  # type: ignore[assignment]
        if "__hash__" not in cls.__dict__ or cls.__hash__ is None:
            cls.__hash__ = object.__hash__  # type: ignore[assignment]


def _is_set(made: Any, name: str) -> bool:
    try:
        value = getattr(made, name)
    except AttributeError:
        return False
    return not hasattr(value, "__get__")


def _converted(made: Any, attribute: Any, value: Any) -> Any:
    """``value``, or the setting's default, converted and validated as attrs does."""
    if value is attrs.NOTHING:
        value = attribute.default
        if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
            value = value.factory(made) if value.takes_self else value.factory()
        if value is attrs.NOTHING:
            raise TypeError(f"{type(made).__name__} needs {attribute.name}")
    if attribute.converter is not None:
        value = attribute.converter(value)
    if attribute.validator is not None:
        attribute.validator(made, attribute, value)
    return value


def replaced(part: Any, **changes: Any) -> Any:
    """``part`` with some settings changed: ``attrs.evolve`` or ``dataclasses.replace``."""
    if "__attrs_attrs__" in type(part).__dict__:
        return attrs.evolve(part, **changes)
    import copy

    changed = copy.copy(part)
    for name, value in changes.items():
        object.__setattr__(changed, name, value)
    return changed


def settings_of(part: Any) -> dict[str, Any]:
    """The settings of a scorer, metric or formatter, by name."""
    cls = type(part)
    names = [a.name for a in attrs.fields(cls) if a.init] if attrs.has(cls) else []
    if dataclasses.is_dataclass(cls):
        names += [f.name for f in dataclasses.fields(cls) if f.name not in names]
    found = {name: getattr(part, name) for name in names}
    if "__attrs_attrs__" not in cls.__dict__:
        found.update(getattr(part, "__dict__", {}))
    return found


def alike(one: Any, other: Any) -> bool:
    """Whether two parts are of one class and have equal settings."""
    return bool(one == other) or (
        type(one) is type(other) and settings_of(one) == settings_of(other)
    )
