"""What may be written where a list is expected: a list, or one text, which is a list of one.

Without this rule ``tuple("END")`` would be ``("E", "N", "D")``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any


def items(value: Any) -> tuple[Any, ...]:
    """``value`` as a tuple: None has no items, a text (or a path) is one item.

    Raises:
        TypeError: ``value`` is neither, nor a list of items.
    """
    if type(value) is tuple:
        return value
    if isinstance(value, tuple | list):
        return tuple(value)
    if value is None:
        return ()
    if isinstance(value, str | bytes | os.PathLike):
        return (value,)
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"expected a list, got {value!r:.80}")
    return tuple(value)


def items_or_none(value: Any) -> tuple[Any, ...] | None:
    """``items``, where None is told from an empty list."""
    return None if value is None else items(value)


def texts(value: Any) -> tuple[str, ...]:
    """``items``, each of which must be a text.

    Raises:
        TypeError: something else is among them.
    """
    found = items(value)
    for item in found:
        if not isinstance(item, str):
            raise TypeError(f"expected a list of texts, got {item!r:.80} in it")
    return found


def texts_or_none(value: Any) -> tuple[str, ...] | None:
    """``texts``, where None is told from an empty list."""
    return None if value is None else texts(value)
