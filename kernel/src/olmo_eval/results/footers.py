"""The footer of a Parquet file, checked before a reader trusts it.

Pages have checksums, the footer that says where they are has none, and a reader that follows a
damaged one may give other numbers, or end the process. So our files keep the CRC-32 of their
footer in it, as hexadecimal digits behind a key of its metadata; it is made with zeros in that
place. What is read to check it is what the reader would have read anyway.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: the key of the file's metadata whose value is the checksum
KEY = "olmo_eval_footer_crc32"
_ZEROS = b"0" * 8
#: key and value as they stand in the footer: Thrift's compact protocol puts the second field's
#: header and the length of a text before it
_PLACE = re.compile(re.escape(KEY.encode()) + rb"\x18\x08(.{8})", re.DOTALL)
_MAGIC = b"PAR1"
_END = 8
#: bytes from the end of a file that hold most footers
_TAIL = 64 << 10


def keep_place(writer: pq.ParquetWriter) -> None:
    """Have a writer leave the place for the checksum, before it is closed."""
    writer.add_key_value_metadata({KEY: _ZEROS.decode()})


def seal(content: bytes) -> bytes:
    """A Parquet file with the checksum in its place."""
    start = len(content) - _END - _length(content)
    return content[:start] + _sealed(content[start:])


def seal_file(path: Path) -> None:
    """Put the checksum into its place in a file. Raises OSError."""
    with path.open("r+b") as file:
        file.seek(-_END, 2)
        file.seek(-_END - _length(file.read()), 2)
        start = file.tell()
        footer = file.read()
        file.seek(start)
        file.write(_sealed(footer))


def _sealed(footer: bytes) -> bytes:
    place = _PLACE.search(footer)
    assert place is not None, "no place was kept for the checksum of the footer"
    return footer[: place.start(1)] + _checksum(footer, place) + footer[place.end(1) :]


def _checksum(footer: bytes, place: re.Match[bytes]) -> bytes:
    zeroed = footer[: place.start(1)] + _ZEROS + footer[place.end(1) :]
    return b"%08x" % zlib.crc32(zeroed)


def opened(file: Any) -> pq.ParquetFile:
    """An open Parquet file, its footer checked, and its pages when they are read; files of before
    there were checksums as far as they have them.

    Raises:
        pa.ArrowInvalid: it is damaged, or no Parquet file. OSError: it cannot be read.
    """
    footer = _footer(file)
    place = _PLACE.search(footer)
    if place is not None and place.group(1) != _checksum(footer, place):
        raise pa.ArrowInvalid("its footer has changed: the checksum is another one")
    metadata = pq.read_metadata(pa.BufferReader(footer))
    return pq.ParquetFile(file, metadata=metadata, page_checksum_verification=True)


def _footer(file: Any) -> bytes:
    """The footer of an open file, with its length and the magic bytes after it."""
    size = file.size()
    tail = _read(file, max(0, size - _TAIL), size)
    if len(tail) < _END + len(_MAGIC) or tail[-len(_MAGIC) :] != _MAGIC:
        raise pa.ArrowInvalid(f"it is not a Parquet file, or its end is missing ({size:,} bytes)")
    whole = _length(tail) + _END
    if whole + len(_MAGIC) > size:
        raise pa.ArrowInvalid("its footer has changed: it would be longer than the file")
    return tail[-whole:] if whole <= len(tail) else _read(file, size - whole, size)


def _read(file: Any, start: int, end: int) -> bytes:
    file.seek(start)
    found = bytes(file.read(end - start))
    file.seek(0)
    return found


def _length(tail: bytes) -> int:
    return int.from_bytes(tail[-_END:-4], "little")
