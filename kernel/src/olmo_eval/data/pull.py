"""Filling a mirror: copies of hub data sets in the layout that :mod:`olmo_eval.data.mirror` reads.

Every file is written whole or not at all, and the same rows give the same bytes. ``MANIFEST.json``
lists what is there: rows, fields, hash, and the revision it was taken at.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from attrs import evolve, frozen

from olmo_eval.data.fewshot import load_fewshot_set, published_sha256, rows_sha256
from olmo_eval.data.loader import DataLoader, file_sha256
from olmo_eval.data.mirror import Mirror, expected_file, one_file_each
from olmo_eval.data.readers import Row
from olmo_eval.data.source import DataSource, SourceKind
from olmo_eval.errors import DataError

_MANIFEST = "MANIFEST.json"
_LAYOUT = "<data set path>/<subset or default>/<split>.jsonl.gz, fewshot/<set>.jsonl"


@frozen
class Pulled:
    """One file of a mirror after a pull; ``written`` is False where it was there already.

    ``rows`` is None for a file that was there already.
    """

    file: Path
    written: bool
    rows: int | None = None


def pull_source(
    source: DataSource, to: Path, *, loader: DataLoader | None = None, force: bool = False
) -> Iterator[Pulled]:
    """Copy a hub source's rows into the mirror folder ``to``, one file a split.

    What is there already is left alone unless ``force``. A source that is a file or a URL needs no
    mirror and gives nothing. Rows come from ``loader``, by default the hub or another mirror.
    Raises DataError where the rows cannot be had or written; nothing half-written stays.
    """
    loader = loader or loader_beside(to)
    for part in source.parts():
        if part.kind is not SourceKind.HUB:
            continue
        for single in _single_files(part, loader):
            present = Mirror((to,)).find(single)
            if present and not force:
                yield Pulled(present[0], written=False)
            else:
                yield _pull_file(single, to, loader)


def pull_fewshot_set(
    name: str, to: Path, *, loader: DataLoader | None = None, force: bool = False
) -> Pulled:
    """Write a fixed few-shot set into the mirror folder ``to``.

    Raises DataError where its rows cannot be had (see ``load_fewshot_set``) or written.
    """
    present = Mirror((to,)).find_fewshot(name)
    if present and not force:
        return Pulled(present, written=False)
    rows = load_fewshot_set(name, loader or loader_beside(to))
    file = to / "fewshot" / f"{name}.jsonl"
    with _replacing(file) as stream:
        fields = _write_rows(rows, stream, name)[1]
    published = published_sha256(name)
    entry = {"fewshot": name, "rows": len(rows), "fields": fields}
    entry["published"] = None if published is None else rows_sha256(rows) == published
    _record(to, file, entry)
    return Pulled(file, written=True, rows=len(rows))


def loader_beside(to: Path) -> DataLoader:
    """A loader that reads the hub and every mirror folder of the environment except ``to``."""
    others = [root for root in Mirror.of(None).roots if root.resolve() != to.resolve()]
    return DataLoader(mirror=others)


def _single_files(source: DataSource, loader: DataLoader) -> list[DataSource]:
    if source.split != "all" or source.data_files:
        return one_file_each(source)
    return [evolve(source, split=split) for split in loader.splits(source)]


def _pull_file(source: DataSource, to: Path, loader: DataLoader) -> Pulled:
    file = to / expected_file(source)
    described = loader.describe(source)
    with _replacing(file) as stream:
        # No name and no time in the gzip header: the same rows are the same bytes.
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
        with packed:
            count, fields = _write_rows(loader.load(source), cast(IO[bytes], packed), str(source))
    entry: dict[str, Any] = {
        "path": source.path,
        "subset": source.subset,
        "split": source.split,
        "rows": count,
        "fields": fields,
        "revision": described.get("revision"),
        "taken_from": described["kind"],
    }
    if source.data_files:
        entry["data_files"] = list(source.data_files)
    _record(to, file, entry)
    return Pulled(file, written=True, rows=count)


def _write_rows(rows: Iterable[Row], stream: IO[bytes], name: str) -> tuple[int, list[str]]:
    """Write rows as JSON Lines; how many there were, and all their fields in order."""
    count = 0
    fields: dict[str, None] = {}
    for row in rows:
        stream.write(_json_line(row, f"{name}: row {count}"))
        fields.update(dict.fromkeys(row))
        count += 1
    if count == 0:
        raise DataError(f"{name}: no rows", hint="check the subset and the split")
    return count, list(fields)


def _json_line(row: Row, place: str) -> bytes:
    import orjson

    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        pass  # integers beyond 64 bits: the slower writer keeps them exact
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{place} cannot be written as JSON ({error})",
            hint="put the data set's own .parquet file into the mirror instead",
        ) from error


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes become ``file`` at the end, and leave nothing behind on an error."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            yield stream
        temporary.replace(file)
    except OSError as error:
        raise DataError(
            f"{file}: cannot be written ({error.strerror or error})",
            hint="check the folder's permissions and the free space, or choose another: --to DIR",
        ) from error
    finally:
        with suppress(OSError):  # the error that matters is already on its way
            temporary.unlink()


def _record(to: Path, file: Path, entry: dict[str, Any]) -> None:
    """Put a file's entry into the manifest, in place of an earlier one."""
    manifest = to / _MANIFEST
    try:
        content = json.loads(manifest.read_text("utf-8")) if manifest.exists() else {}
        entries = list(content.get("files", []))
        others = [known for known in entries if known["file"] != file.relative_to(to).as_posix()]
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{manifest}: not a mirror's manifest ({error})", hint="move this file away"
        ) from error
    mine = {**entry, "file": file.relative_to(to).as_posix(), "sha256": file_sha256(file)}
    content = {"layout": _LAYOUT, **content}
    content["files"] = sorted([*others, mine], key=lambda known: str(known["file"]))
    with _replacing(manifest) as stream:
        stream.write(json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")
