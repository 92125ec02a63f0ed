"""Values of attrs that ``dataclasses.replace``, ``asdict`` and ``fields`` take as well.

Task packs for the published system, whose values are dataclasses, change them with
``dataclasses.replace``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import attrs

C = TypeVar("C", bound=type[Any])


def replaceable(cls: C) -> C:
    """Class decorator, above that of attrs: the class is taken for a dataclass of its fields."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for attribute in attrs.fields(cls):
        made: Any = dataclasses.field(default=None, init=attribute.init)
        made.name, made.type = attribute.name, attribute.type
        made._field_type = dataclasses._FIELD  # type: ignore[attr-defined]
        found[attribute.name] = made
    cls.__dataclass_fields__ = found
    return cls
