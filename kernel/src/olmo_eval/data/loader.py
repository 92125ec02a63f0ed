"""DataLoader: from a :class:`DataSource` to its rows, and to the record of where they came from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.data.folders import files_of_folders, rows_of_folders
from olmo_eval.data.formats import files_of_split, in_split_order, is_data_file
from olmo_eval.data.mirror import MIRROR_VARIABLE, Mirror
from olmo_eval.data.readers import Row, read_rows
from olmo_eval.data.source import DataSource, SourceKind
from olmo_eval.errors import DataError

_HASHES: dict[tuple[str, int, int], str] = {}


@frozen
class Location:
    """Where a source's rows are: ``kind`` is local, folders, mirror, hub or remote.

    ``files`` are paths (local, folders, mirror) or URLs (remote), in reading order; a hub location
    has none. ``root`` is the mirror folder, or that of the folders.
    """

    kind: str
    source: DataSource
    files: tuple[str, ...] = ()
    root: Path | None = None


class DataLoader:
    """Loads rows from wherever a source says they are.

    ``mirror`` is a folder (or several) in the mirror layout; None reads ``OLMO_EVAL_DATA_MIRROR``.
    A hub source is served from the mirror where the mirror has it, else from the hub.
    ``cache_dir`` is kept for task packs that name one; the hub's library knows where its cache is
    (``HF_HOME``).
    """

    def __init__(
        self,
        mirror: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self.mirror = Mirror.of(mirror)
        self.cache_dir = cache_dir

    def load(self, source: DataSource) -> Iterator[Row]:
        """The rows of a source, one dict each, in the data's order, read as they are asked for.

        Raises DataError (the place and the way out) for missing or malformed data, and
        MissingDependencyError where an optional package is needed.
        """
        for location in self.locate(source):
            yield from self._rows(location)

    def locate(self, source: DataSource) -> tuple[Location, ...]:
        """Where the rows are, without reading them; one location a part (see DataSource.parts).

        Raises DataError when a file or folder is missing.
        """
        return tuple(self._locate(part) for part in source.parts())

    def describe(self, source: DataSource) -> dict[str, Any]:
        """Provenance for a run's record: ``uri``, ``kind``, ``files`` with what pins each.

        A local or mirror file is pinned by the SHA-256 of its bytes, a remote one by its version
        or ETag, a hub data set by its commit (``revision``). ``fingerprint`` is one hash over
        all the pins, the same wherever the same bytes are read; None when nothing pins the data.
        """
        pinned = [self._pin(location) for location in self.locate(source)]
        described: dict[str, Any] = {"uri": source.uri(), "kind": pinned[0]["kind"]}
        files = [file for pin in pinned for file in pin.get("files", ())]
        if files:
            described["files"] = files
        revision = next((pin["revision"] for pin in pinned if pin.get("revision")), None)
        if revision or source.revision:
            described["revision"] = revision or source.revision
        named = described["kind"] == "folders"  # there, a file's name is part of its row
        pins = [f"{file['file']} {_pin_of(file)}" if named else _pin_of(file) for file in files]
        pins = pins or ([revision] if revision else [])
        joined = "\n".join(pins).encode()
        described["fingerprint"] = hashlib.sha256(joined).hexdigest() if pins else None
        return described

    def splits(self, source: DataSource) -> list[str]:
        """The splits of a hub source's data set, in the order of ``split="all"``."""
        if found := self.mirror.splits(source):
            return found
        self._locate(source)
        from olmo_eval.data import hub

        return in_split_order(hub.split_names(source))

    def _locate(self, source: DataSource) -> Location:
        if source.kind is SourceKind.LOCAL:
            return Location("local", source, tuple(_local_files(source)))
        if source.kind is SourceKind.FOLDERS:
            folder = Path(source.path).expanduser()
            return Location("folders", source, tuple(files_of_folders(source)), folder)
        if source.kind is SourceKind.REMOTE:
            from olmo_eval.data import remote

            return Location("remote", source, tuple(remote.files(source)))
        if self.mirror:
            files = self.mirror.find(source)
            if files is not None:
                root = self.mirror.root_of(files[0])
                return Location("mirror", source, tuple(map(str, files)), root)
            if not hub_is_usable():
                raise self.mirror.missing(source)
        return Location("hub", source)

    def _rows(self, location: Location) -> Iterator[Row]:
        if location.kind == "hub":
            from olmo_eval.data import hub

            yield from hub.rows(location.source)
        elif location.kind == "folders":
            yield from rows_of_folders(location.source)
        elif location.kind == "remote":
            from olmo_eval.data import remote

            for url in location.files:
                yield from remote.rows(url)
        else:
            for name in location.files:
                yield from read_rows(name)

    def _pin(self, location: Location) -> dict[str, Any]:
        if location.kind == "hub":
            from olmo_eval.data import hub

            return {"kind": "hub", "revision": hub.resolved_revision(location.source)}
        if location.kind == "remote":
            from olmo_eval.data import remote

            return {"kind": "remote", "files": [remote.pin(url) for url in location.files]}
        return {
            "kind": location.kind,
            "files": [_pin_file(Path(name), location.root) for name in location.files],
        }


def hub_is_usable() -> bool:
    """Whether rows may be fetched from the hub: the library is there and nothing forbids it."""
    from importlib.util import find_spec

    from olmo_eval.data import hub

    if hub.is_offline():
        return False
    found = find_spec("datasets")
    return found is not None and found.origin is not None


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes; read once a process for each (path, size, time of change)."""
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key not in _HASHES:
        with path.open("rb") as stream:
            _HASHES[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _HASHES[key]


def _pin_of(file: dict[str, Any]) -> str:
    return str(next(file[key] for key in ("sha256", "md5", "etag", "version") if key in file))


def _pin_file(path: Path, root: Path | None) -> dict[str, Any]:
    # Relative to the mirror, so that the same data has the same record on every machine.
    digest = file_sha256(path)
    name = str(path.relative_to(root)) if root else str(path)
    return {"file": name, "bytes": path.stat().st_size, "sha256": digest}


def _local_files(source: DataSource) -> list[str]:
    path = Path(source.path).expanduser()
    if path.is_file():
        return [str(path)]
    if not path.is_dir():
        raise _no_such_file(source, path)
    folder = path / source.subset if source.subset else path
    if not folder.is_dir():
        subsets = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
        raise DataError(
            f"{path}: no subset {source.subset!r} in this folder",
            hint=f"it has: {', '.join(subsets)}" if subsets else "leave the subset out",
        )
    names = [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(folder).parts)
    ]
    return [str(folder / name) for name in files_of_split(names, source.split, str(folder))]


def _no_such_file(source: DataSource, path: Path) -> DataError:
    hint = "check the path (relative paths start at the current folder)"
    if not is_data_file(source.path) and source.source_type is None:
        hint = (
            "a hub data set is named org/name, a file ends in .jsonl, .json, .csv or .parquet;"
            f" {MIRROR_VARIABLE} serves hub data sets offline"
        )
    return DataError(f"{path}: no such file or folder", hint=hint)


def get_default_loader() -> DataLoader:
    """The loader that tasks use."""
    return DataLoader()


def load_dataset(source: DataSource | str, streaming: bool = False) -> Any:
    """The rows of a source: a list, or an iterator where they are to be read one by one.

    Raises:
        DataError: missing or malformed data.
    """
    named = DataSource.parse(source) if isinstance(source, str) else source
    rows = DataLoader().load(named)
    return rows if streaming else list(rows)
