"""Whether the files of a checkpoint are whole, by what they say of themselves.

Weights are not read: a safetensors file tells its length in its header, an index the files that
belong to it, PyTorch's files end with a directory, and the metadata of a distributed checkpoint
names every file with the bytes that it must have.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from olmo_eval.checkpoints.pickles import UnreadableError, read_pickle

#: header bytes beyond which a safetensors file is not one (the format's own limit)
_LARGEST_HEADER = 100_000_000
_TORCH = (".pt", ".pth", ".bin", ".ckpt")


def damage(folder: Path) -> str | None:
    """What is missing or cut off in a checkpoint's folder, in words; None where all is whole."""
    for path in files_of(folder):
        try:
            wrong = _damage(path)
        except FileNotFoundError:
            wrong = "has just been removed"
        except OSError as error:
            wrong = f"cannot be read: {error.strerror or error}"
        if wrong:
            return f"{path.relative_to(folder)} {wrong}"
    return None


def files_of(folder: Path) -> Iterator[Path]:
    """Every file below ``folder``, in order; a file is its own. What vanishes has no files."""
    if folder.is_file():
        yield folder
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def _damage(path: Path) -> str | None:
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.name.endswith(".index.json"):
        return _index(path)
    if path.suffix == ".json":
        return None if _json(path) is not None else "is not whole"
    if path.name == ".metadata":
        return _distributed(path)
    if path.suffix in _TORCH:
        return _torch(path)
    return None


def _safetensors(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LARGEST_HEADER):
            return "is cut off in its header"
        try:
            header = json.loads(file.read(length))
            tensors = [t for name, t in header.items() if name != "__metadata__"]
            end = max((int(tensor["data_offsets"][1]) for tensor in tensors), default=0)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return "has a header that is not whole"
    if size != 8 + length + end:
        return f"has {size:,} bytes, its header says {8 + length + end:,}"
    return None


def _index(path: Path) -> str | None:
    content = _json(path)
    if not isinstance(content, Mapping):
        return "is not whole"
    listed = content.get("weight_map")
    names = {str(n) for n in listed.values()} if isinstance(listed, Mapping) else set()
    missing = sorted(name for name in names if not (path.parent / name).is_file())
    return f"lists {missing[0]}, which is not there" if missing else None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def _torch(path: Path) -> str | None:
    """A file of the format before PyTorch 1.6, or of another program, tells nothing."""
    with path.open("rb") as file:
        if not file.read(1):
            return "is empty"
        file.seek(0)
        if file.read(2) != b"PK":
            return None
    return None if zipfile.is_zipfile(path) else "is cut off"


def _distributed(path: Path) -> str | None:
    """The metadata of a distributed checkpoint, which PyTorch writes last: each file it names must
    reach as far as it says."""
    try:
        stored = getattr(read_pickle(path.read_bytes()), "storage_data", None)
    except UnreadableError:
        return "is not whole"
    ends: dict[str, int] = {}
    for info in stored.values() if isinstance(stored, Mapping) else ():
        name, offset, length = (
            getattr(info, key, None) for key in ("relative_path", "offset", "length")
        )
        if isinstance(name, str) and isinstance(offset, int) and isinstance(length, int):
            ends[name] = max(ends.get(name, 0), offset + length)
    for name, end in sorted(ends.items()):
        file = path.parent / name
        if not file.is_file():
            return f"names {name}, which is not there"
        if file.stat().st_size < end:
            return f"says that {name} has {end:,} bytes, which has {file.stat().st_size:,}"
    return None
