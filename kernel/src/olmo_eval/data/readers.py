"""Readers: a stream of bytes in, one dict a row out; nothing is read before it is asked for.

Each reader names the place of what it cannot read (``FILE:LINE``), because a row that is skipped
in silence changes what is measured.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, cast

from olmo_eval.data.formats import file_format
from olmo_eval.errors import DataError

Row = dict[str, Any]

_BOM = b"\xef\xbb\xbf"
_BATCH_ROWS = 256
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_FIX_ROW = "every line must be one JSON object; fix or remove this line"
_REFETCH = "the file is damaged or cut short: fetch or write it again"


def read_rows(path: Path | str) -> Iterator[Row]:
    """The rows of one local file, in its order.

    Raises DataError (naming file and line) for a missing or unreadable file or a malformed row.
    """
    name = str(path)
    file_format(name)
    try:
        stream = open(path, "rb")  # noqa: SIM115 (closed below, once the rows are read)
    except OSError as error:
        raise DataError(
            f"{name}: cannot be read ({error.strerror})", hint="check the path and its permissions"
        ) from error
    with stream:
        yield from read_stream(stream, name)


def read_stream(stream: IO[bytes], name: str) -> Iterator[Row]:
    """The rows of an open binary stream; format and compression come from the suffix of ``name``.

    ``name`` is also what errors call the file. Parquet needs a seekable stream.
    """
    kind, compressed = file_format(name)
    opened = cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if compressed else stream
    yield from _READERS[kind](opened, name)


def _lines(stream: IO[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines (from 1) without a byte-order mark; damage to the file names the line."""
    number = 0
    iterator = iter(stream)
    while True:
        number += 1
        try:
            line = next(iterator)
        except StopIteration:
            return
        except EOFError as error:
            raise DataError(f"{name}:{number}: the gzip data ends early", hint=_REFETCH) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{name}:{number}: bad gzip data ({error})", hint=_REFETCH) from error
        except OSError as error:
            raise DataError(f"{name}:{number}: cannot be read ({error})", hint=_REFETCH) from error
        yield number, line.removeprefix(_BOM) if number == 1 else line


def _text(line: bytes, place: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(line, error.start, place) from error


def _not_utf8(line: bytes, offset: int, place: str) -> DataError:
    if line.startswith(b"\x1f\x8b"):
        return DataError(
            f"{place}: gzip data in a file whose name does not end in .gz",
            hint="rename the file, adding .gz",
        )
    return DataError(
        f"{place}: not UTF-8 text (byte 0x{line[offset]:02x} at column {offset + 1})",
        hint="convert the file: iconv -f ENCODING -t UTF-8",
    )


def _parse(data: bytes, place: str, hint: str) -> Any:
    import orjson

    try:
        value = orjson.loads(data)
        # orjson rounds integers beyond 64 bits to floats; a gold answer must stay exact.
        return json.loads(data) if _LONG_NUMBER.search(data) else value
    except (ValueError, RecursionError) as error:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as bad:
            raise _not_utf8(data, bad.start, place) from error
        raise DataError(f"{place}: not valid JSON ({error})", hint=hint) from error


def _parse_row(line: bytes, place: str) -> Row:
    return _as_row(_parse(line, place, _FIX_ROW), place)


def _as_row(value: Any, place: str) -> Row:
    if isinstance(value, dict):
        return value
    raise DataError(
        f"{place}: expected a JSON object, got {_json_name(value)}",
        hint="every row must be an object with named fields, such as"
        ' {"question": ..., "answer": ...}',
    )


def _json_name(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _read_jsonl(stream: IO[bytes], name: str) -> Iterator[Row]:
    for number, line in _lines(stream, name):
        if line.strip():
            yield _parse_row(line, f"{name}:{number}")


def _read_json(stream: IO[bytes], name: str) -> Iterator[Row]:
    """A list of objects, an object whose ``data`` is one, or (as often found) JSON Lines.

    JSON Lines stream; a single document has to be held in memory to be parsed.
    """
    lines = ((n, line) for n, line in _lines(stream, name) if line.strip())
    head = list(islice(lines, 2))
    if len(head) == 2 and _whole(head[0][1]):
        for number, line in chain(head, lines):
            yield _parse_row(line, f"{name}:{number}")
    elif head:
        text = b"".join(line for _, line in chain(head, lines))
        yield from _document_rows(_parse(text, name, _FIX_DOCUMENT), name)


_FIX_DOCUMENT = 'a .json file holds a list of objects, or {"data": [...]}, or one object a line'


def _whole(line: bytes) -> bool:
    """Whether a line is a JSON document by itself, so that the file is JSON Lines."""
    import orjson

    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True


def _document_rows(document: Any, name: str) -> Iterator[Row]:
    if isinstance(document, dict):
        document = document.get("data", [document])
    if not isinstance(document, list):
        raise DataError(f"{name}: no list of rows in this file", hint=_FIX_DOCUMENT)
    for index, value in enumerate(document):
        yield _as_row(value, f"{name}: row {index}")


def _read_csv(stream: IO[bytes], name: str, delimiter: str = ",") -> Iterator[Row]:
    """Rows by the names in the header line; every value is text."""
    csv.field_size_limit(sys.maxsize)  # passages are longer than the default of 128 KiB
    text = (_text(line, f"{name}:{number}") for number, line in _lines(stream, name))
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{name}:{reader.line_num}: not valid CSV ({error})",
                hint='a value with commas, quotes or line breaks is written "like ""this"""',
            ) from error
        if not values:
            continue
        if header is None:
            header = _csv_header(values, name)
        elif len(values) != len(header):
            raise DataError(
                f"{name}:{reader.line_num}: {len(values)} values for {len(header)} columns",
                hint="quote values that contain the separator, and give every column a value",
            )
        else:
            yield dict(zip(header, values, strict=True))


def _csv_header(values: list[str], name: str) -> list[str]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise DataError(
            f"{name}: two columns are called {twice[0]!r}", hint="give every column its own name"
        )
    return values


def _read_tsv(stream: IO[bytes], name: str) -> Iterator[Row]:
    return _read_csv(stream, name, delimiter="\t")


def _read_parquet(stream: IO[bytes], name: str) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        for batch in ParquetFile(stream).iter_batches(batch_size=_BATCH_ROWS):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: cannot be read as Parquet ({error})", hint=_REFETCH) from error


_READERS: dict[str, Callable[[IO[bytes], str], Iterator[Row]]] = {
    "jsonl": _read_jsonl,
    "json": _read_json,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "parquet": _read_parquet,
}
