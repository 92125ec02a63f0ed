"""Which pages of a Parquet file are damaged, found by a process of its own.

Damaged metadata can end the process that reads it: Parquet's reader is not made for that. So it is
read by another one, which says what it is about to read, and is started as
``python -m olmo_eval.results.pages FILE``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

#: seconds after which a reader that damage has sent astray is ended
_LONGEST = 120.0
_FOOTER = "footer"


def damaged_parts(path: Path) -> list[str]:
    """The parts of a Parquet file that cannot be read, or whose checksum is another one: row group
    (with its rows, counted from 0) and column; nothing where all pages are sound.

    In a file that was written without checksums, only what cannot be read is found.
    """
    command = [sys.executable, "-m", __name__, str(path)]
    try:
        found = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=_LONGEST
        )
        said, ended = found.stdout, found.returncode
    except subprocess.TimeoutExpired as error:
        kept = error.stdout or b""
        said, ended = kept.decode("utf-8", "replace") if isinstance(kept, bytes) else kept, -1
    part, parts = _FOOTER, []
    for line in said.splitlines():
        what, _, rest = line.partition(" ")
        if what == "at":
            part = rest
        elif what == "bad":
            parts.append(f"{part}: {rest}")
        elif what == "end":
            return parts
    parts.append(f"{part}: reading it ends the reader" if ended else f"{part}: cannot be read")
    return parts


def plain_path(path: str) -> str:
    """A column's path without the names that Parquet gives the inside of lists."""
    return ".".join(part for part in path.split(".") if part not in ("list", "element"))


def main(path: str) -> None:
    """Print what is read, and what is bad of it, a line each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path, page_checksum_verification=True)
        start = 0
        for number in range(table.metadata.num_row_groups):
            group = table.metadata.row_group(number)
            rows = f"rows {start:,} to {start + group.num_rows - 1:,}"
            for column in range(group.num_columns):
                name = plain_path(group.column(column).path_in_schema)
                _say("at", f"row group {number} ({rows}), column {name}")
                try:
                    table.reader.read_row_group(number, column_indices=[column])
                except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
                    _say("bad", error)
            start += group.num_rows
    except (OSError, ValueError, pa.ArrowException) as error:
        _say("bad", error)
    _say("end", "")


def _say(what: str, text: Any) -> None:
    print(what, " ".join(str(text).split())[:200], flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
