"""The JSON object that a text holds, whatever stands around it."""

from __future__ import annotations

import json
from typing import Any


def last_object(text: str) -> dict[str, Any] | None:
    """The last JSON object in ``text`` that is not part of another one, or None.

    >>> last_object('First {"a": 1}, or rather:\\n```json\\n{"a": {"b": 2}}\\n```')
    {'a': {'b': 2}}
    """
    decoder = json.JSONDecoder()
    found: dict[str, Any] | None = None
    start = text.find("{")
    while start != -1:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        start = text.find("{", end)
    return found
