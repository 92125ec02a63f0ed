"""Where in a text of a run something is damaged; of tables, ``pages`` says it."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from olmo_eval.results import journal


def damaged_json(content: bytes) -> str | None:
    """Where a text is no JSON object, where it is none."""
    try:
        found = orjson.loads(content)
    except ValueError as error:
        return f"not valid JSON: {_first_line(error)}"
    return None if isinstance(found, dict) else "not a JSON object"


def damaged_lines(lines: Iterator[bytes], *, whole: bool) -> Iterator[str]:
    """The lines of a journal whose checksum is another one; ``whole`` says that its last line was
    finished, where else it may be torn."""
    for number, line in enumerate(lines, start=1):
        if journal.decode(line) is None and (whole or line.endswith(b"\n")):
            yield f"line {number:,}: its checksum is another one"


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
