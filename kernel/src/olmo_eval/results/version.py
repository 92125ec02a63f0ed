"""The version of the results schema, and what may be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmo_eval.errors import DataError

VERSION = 1


def check_version(metadata: Mapping[Any, Any] | None, where: str) -> None:
    """Refuse a file written by a newer schema.

    Raises:
        DataError: with the way out.
    """
    raw = (metadata or {}).get(b"olmo_eval_schema", (metadata or {}).get("olmo_eval_schema"))
    try:
        version = int(raw) if raw is not None else 0
    except (TypeError, ValueError):
        version = 0
    if version < 1:
        raise DataError(f"{where} is not a results file of olmo-eval")
    if version > VERSION:
        raise DataError(
            f"{where} has schema version {version}; this olmo-eval reads up to {VERSION}",
            hint="pip install --upgrade olmo-eval",
        )
