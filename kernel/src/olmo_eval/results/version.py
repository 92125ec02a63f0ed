"""The version of the results schema, what may be read, and how files are named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from olmo_eval.errors import DataError

VERSION = 2


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


def file_name(task: str) -> str:
    """A task's file name: readable, safe on every file system, one name one file.

    ``arc_easy:mc`` -> ``arc_easy%3Amc``; what is no letter, digit or one of ``_.+-`` is
    percent-encoded.
    """

    def encode(match: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in match.group(0).encode("utf-8", "surrogatepass"))

    return re.sub(r"[^A-Za-z0-9_.+-]", encode, task)
