"""How a header and bytes travel between the evaluation and a relay."""

from __future__ import annotations

import json
import struct
from typing import Any

#: what says nothing but that the evaluation lives
EMPTY = bytes(4)


def frame(header: dict[str, Any], parts: list[bytes]) -> bytes:
    """A header and its parts, as they travel."""
    text = json.dumps({**header, "parts": [len(part) for part in parts]}).encode()
    return b"".join((struct.pack(">I", len(text)), text, *parts))


def take_frame(data: bytearray) -> tuple[dict[str, Any], list[bytes]] | None:
    """The first whole frame of ``data``, which is taken out of it; None where there is none yet.

    Empty frames before it are taken out, too.
    """
    while data[:4] == EMPTY:
        del data[:4]
    found = _first_header(data)
    if found is None:
        return None
    header, start = found
    sizes = header["parts"]
    if len(data) < start + sum(sizes):
        return None
    parts = []
    for size in sizes:
        parts.append(bytes(data[start : start + size]))
        start += size
    del data[:start]
    return header, parts


def frame_size(data: bytearray) -> int | None:
    """How long the frame is that ``data`` begins with; None where that cannot be told yet."""
    found = _first_header(data)
    return None if found is None else found[1] + sum(found[0]["parts"])


def _first_header(data: bytearray) -> tuple[dict[str, Any], int] | None:
    """The header of the frame that ``data`` begins with, and where it ends."""
    if len(data) < 4:
        return None
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        return None
    return json.loads(bytes(data[4 : 4 + length])), 4 + length
