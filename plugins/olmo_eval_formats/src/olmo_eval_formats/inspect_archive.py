"""The files of Inspect's logs: ``.eval``, a zip of JSON, and ``.json``.

Newer logs are compressed with Zstandard, which Python 3.11's ``zipfile`` does not know; Arrow does.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from olmo_eval.errors import DataError
from olmo_eval_formats.files import begins_with, json_object, loads

_ZSTANDARD = 93
_SAMPLE = re.compile(r"samples/(.+)_epoch_(\d+)\.json", re.DOTALL)
_ATTACHED = re.compile(r"attachment://([0-9a-f]{32})")


class InspectLog:
    """One log: its header, its reductions over epochs, and its samples, read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole: dict[str, Any] | None = None
        self._archive: zipfile.ZipFile | None = None
        if path.suffix == ".json":
            self._whole = json_object(path)
            self.header = {k: v for k, v in self._whole.items() if k != "samples"}
        else:
            self._archive = _opened(path)
            self.header = self._header()
        if not isinstance(self.header.get("eval"), dict):
            raise DataError(f"{path} is no log of inspect: it does not say what was evaluated")

    @staticmethod
    def is_one(path: Path) -> bool:
        """Whether a file is a log of Inspect."""
        if path.suffix == ".json":
            return begins_with(path, '"version"', '"eval"', '"status"')
        return path.suffix == ".eval"

    @property
    def reductions(self) -> list[dict[str, Any]]:
        if self._whole is not None:
            return list(self._whole.get("reductions") or ())
        return list(self._entry("reductions.json") or ())

    def samples(self) -> Iterator[list[dict[str, Any]]]:
        """The epochs of each sample, in the order of the data set."""
        order = {str(one): i for i, one in enumerate(self._ids())}
        groups: dict[str, list[tuple[int, Any]]] = {}
        for name, epoch, place in self._places():
            groups.setdefault(name, []).append((epoch, place))
        for name in sorted(groups, key=lambda known: order.get(known, len(order))):
            epochs = sorted(groups[name], key=lambda pair: pair[0])
            yield [resolved(self._sample(place)) for _, place in epochs]

    def _ids(self) -> list[Any]:
        return ((self.header.get("eval") or {}).get("dataset") or {}).get("sample_ids") or []

    def _places(self) -> Iterator[tuple[str, int, Any]]:
        if self._whole is not None:
            for sample in self._whole.get("samples") or ():
                yield str(sample["id"]), int(sample.get("epoch", 1)), sample
            return
        assert self._archive is not None
        for name in dict.fromkeys(self._archive.namelist()):
            found = _SAMPLE.fullmatch(name)
            if found:
                yield found[1], int(found[2]), name

    def _sample(self, place: Any) -> dict[str, Any]:
        found = place if isinstance(place, dict) else self._entry(place)
        if not isinstance(found, dict) or "id" not in found:
            raise DataError(f"{self.path}: {place} is no sample")
        return found

    def _header(self) -> dict[str, Any]:
        """Of a log that was not finished there is only its beginning."""
        header = self._entry("header.json")
        if header is None:
            begun = self._entry("_journal/start.json") or {}
            header = {**begun, "status": "started", "results": None}
        return dict(header)

    def _entry(self, name: str) -> Any:
        """The JSON of an entry; None where there is none."""
        archive = self._archive
        if archive is None or name not in archive.NameToInfo:
            return None
        try:
            return loads(_content(self.path, archive.NameToInfo[name]))
        except (OSError, ValueError, zlib.error, struct.error, pa.ArrowException) as error:
            raise DataError(f"{self.path}: {name} cannot be read: {error}") from error


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no archive: {error}") from error


def _content(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of an entry, whose checksum is checked. Raises OSError, ValueError."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        head = file.read(30)
        name, extra = struct.unpack("<HH", head[26:30])
        file.seek(entry.header_offset + 30 + name + extra)
        data = file.read(entry.compress_size)
    if entry.compress_type == _ZSTANDARD:
        codec = pa.Codec("zstd")
        data = codec.decompress(data, decompressed_size=entry.file_size, asbytes=True)
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompress(data, -15)
    elif entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"it is compressed by the unknown method {entry.compress_type}")
    if zlib.crc32(data) != entry.CRC:
        raise ValueError("its checksum is wrong")
    return data


def resolved(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample with texts that stand apart, and messages that events share, put back."""
    attached: Mapping[str, str] = sample.get("attachments") or {}
    if attached:
        kept = {k: v for k, v in sample.items() if k != "attachments"}
        sample = _filled(kept, attached)
    pool = (sample.get("events_data") or {}).get("messages") or []
    for event in sample.get("events") or ():
        if event.get("event") == "model" and not event.get("input") and event.get("input_refs"):
            event["input"] = [m for first, last in event["input_refs"] for m in pool[first:last]]
    return sample


def _filled(value: Any, attached: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        if "attachment://" not in value:
            return value
        return _ATTACHED.sub(lambda found: attached.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {k: _filled(v, attached) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, attached) for v in value]
    return value
