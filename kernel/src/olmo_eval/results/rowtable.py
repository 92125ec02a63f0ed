"""Tables as text and files: CSV that no spreadsheet takes for formulas, JSONL, Markdown, Parquet.

Tables come as batches, so that as many rows as there are can be written.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from olmo_eval.common.text import visible
from olmo_eval.errors import OlmoEvalError

FORMATS = ("csv", "jsonl", "markdown", "parquet")
#: how a text begins that a spreadsheet computes
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def write_rows(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], format_: str, stream: BinaryIO
) -> int:
    """Write batches of rows to a stream in one of ``FORMATS``; returns how many rows there were."""
    n = 0
    if format_ == "parquet":
        with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                n += batch.num_rows
        return n
    head, line = _WRITERS[format_]
    for text in head(schema.names):
        stream.write(text.encode())
    for batch in batches:
        for row in batch.to_pylist(maps_as_pydicts="lossy"):
            stream.write(line(row).encode("utf-8", "replace"))
            n += 1
    return n


def write_file(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], format_: str, path: Path
) -> int:
    """``write_rows`` to a file, which appears when it is whole.

    Raises:
        OlmoEvalError: it cannot be written.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            n = write_rows(schema, batches, format_, stream)
        os.replace(temporary, path)
    except OSError as error:
        raise OlmoEvalError(
            f"cannot write {path}: {error.strerror or error}", hint="choose another place with -o"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return n


def safe_cell(value: Any) -> Any:
    """A value as a cell of CSV: lists and objects are JSON, and a text that a spreadsheet would
    compute begins with an apostrophe, which spreadsheets do not show."""
    if isinstance(value, Mapping | list | tuple):
        value = orjson.dumps(value, option=_OPTIONS, default=str).decode()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _csv_head(names: Sequence[str]) -> Iterator[str]:
    yield _csv_row(names)


def _csv_line(row: Mapping[str, Any]) -> str:
    return _csv_row(row.values())


def _csv_row(values: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(map(safe_cell, values))
    return buffer.getvalue()


def _json_line(row: Mapping[str, Any]) -> str:
    return orjson.dumps(row, option=_OPTIONS, default=str).decode() + "\n"


def _markdown_head(names: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(map(_markdown_cell, names))} |\n"
    yield f"|{'---|' * len(names)}\n"


def _markdown_line(row: Mapping[str, Any]) -> str:
    return f"| {' | '.join(map(_markdown_cell, row.values()))} |\n"


def _markdown_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        value = orjson.dumps(value, option=_OPTIONS, default=str).decode()
    text = f"{value:.6g}" if isinstance(value, float) else visible(str(value))
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _no_head(names: Sequence[str]) -> Iterator[str]:
    return iter(())


_WRITERS: Mapping[str, Any] = {
    "csv": (_csv_head, _csv_line),
    "jsonl": (_no_head, _json_line),
    "markdown": (_markdown_head, _markdown_line),
}
