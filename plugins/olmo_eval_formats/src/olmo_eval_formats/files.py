"""Reading JSON files so that what is wrong with one is said with its name and line."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from olmo_eval.errors import DataError

#: characters of a file that tell whose it is
_HEAD = 1 << 16


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        found = loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} does not hold a JSON object")
    return found


def json_rows(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Each JSON object of a file of lines, with the number of its line and where that begins.

    Raises:
        DataError: naming the line that is none.
    """
    offset = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, offset, _row(line, f"{path}, line {number}")
                offset += len(line)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def row_at(path: Path, offset: int) -> dict[str, Any]:
    """The JSON object in the line that begins at a byte."""
    with path.open("rb") as file:
        file.seek(offset)
        return _row(file.readline(), f"{path}, byte {offset}")


def first_row(path: Path) -> dict[str, Any] | None:
    """The first JSON object of a file of lines; None where there is none."""
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    found = loads(line)
                    return found if isinstance(found, dict) else None
    except (OSError, ValueError):
        return None
    return None


def begins_with(path: Path, *words: str) -> bool:
    """Whether all of ``words`` stand near the beginning of a file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return all(word.encode() in head for word in words)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        found = loads(line)
    except ValueError as error:
        raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{where} is not a JSON object")
    return found


def loads(data: bytes) -> Any:
    """JSON as programs write it, NaN and infinity included, which become NaN and infinity.

    Raises ValueError.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        import json

        return json.loads(data)


def number(value: Any) -> float | None:
    """A finite number, also of a truth value or of text; None of anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def short_digest(text: str) -> str:
    """12 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def plain_name(name: str) -> str:
    """A metric's name without colons, which stand between it and its scorer."""
    return name.replace(":", "_") or "score"
