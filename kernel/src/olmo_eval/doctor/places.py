"""Checks of the folders that runs read and write, and of the terminal."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from olmo_eval.common.figures import counted
from olmo_eval.common.filesystem import cache_folder
from olmo_eval.data.mirror import MIRROR_SUFFIXES, MIRROR_VARIABLE, Mirror
from olmo_eval.doctor.finding import Checkup, Finding, Level
from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.results.locking import has_locks

#: bytes below which a run may not fit, and below which hardly any does
_SCARCE, _FULL = 1 << 30, 16 << 20


def results(checkup: Checkup) -> Iterator[Finding]:
    """The results store: whether it can be written, has room and knows locks."""
    if "://" in checkup.results:
        yield _reached(checkup.results)
        return
    root = Path(checkup.results).expanduser()
    way_out = "name another folder: --results DIR, or OLMO_EVAL_RESULTS=DIR"
    yield from _folder(root, Level.PROBLEM, way_out)


def cache(_checkup: Checkup) -> Iterator[Finding]:
    """The folder of copies that can be made again."""
    yield from _folder(cache_folder(), Level.WARNING, "name another: OLMO_EVAL_CACHE=DIR")


def data(_checkup: Checkup) -> Iterator[Finding]:
    """The offline mirror of data sets."""
    try:
        mirror = Mirror.of(None)
    except DataError as error:
        yield Finding(Level.PROBLEM, error.message, error.hint or "")
        return
    if not mirror:
        found = f"{MIRROR_VARIABLE} is not set: data sets are read from the hub"
        way_out = f"without the hub: {MIRROR_VARIABLE}=DIR; olmo-eval data pull TASK --to DIR"
        yield Finding(Level.ABSENT, found, way_out)
    for root in mirror.roots:
        folders = sum(
            any(name.endswith(MIRROR_SUFFIXES) for name in files) for _, _, files in os.walk(root)
        )
        if folders:
            found = f"{root} has data in {counted(folders, 'folder')}"
            yield Finding(Level.OK, found)
        else:
            found = f"{root} has no data sets"
            way_out = f"fill it: olmo-eval data pull TASK --to {root}"
            yield Finding(Level.WARNING, found, way_out)


def terminal(_checkup: Checkup) -> Iterator[Finding]:
    """What is printed on: its width, encoding, and whether it is coloured."""
    encoding = (getattr(sys.__stdout__, "encoding", None) or "ascii").lower()
    on_terminal = bool(sys.__stdout__ and sys.__stdout__.isatty())
    colour = "colour" if on_terminal and not _plain() else "no colour"
    kind = f"{shutil.get_terminal_size().columns} columns" if on_terminal else "not a terminal"
    found = f"{kind}, {encoding}, {colour}"
    if encoding.replace("-", "").startswith("utf8"):
        yield Finding(Level.OK, found)
    else:
        yield Finding(
            Level.WARNING,
            f"{found}: some letters cannot be printed",
            "export PYTHONUTF8=1, or a locale such as LC_ALL=C.UTF-8",
        )


def _plain() -> bool:
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in ("", "dumb")


def _folder(root: Path, level: Level, way_out: str) -> Iterator[Finding]:
    """Whether files can be made below ``root``, which need not exist, and are there then."""
    there = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if not there.is_dir():
        yield Finding(level, f"{there} is not a folder", way_out)
        return
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            locks = has_locks(file.fileno())
            free = shutil.disk_usage(there).free
    except OSError as error:
        yield Finding(level, f"{there} cannot be written: {error.strerror or error}", way_out)
        return
    name = str(root) if there == root.absolute() else f"{root} (to be made)"
    if free < _SCARCE:
        found = f"{name} has only {_size(free)} free"
        yield Finding(level if free < _FULL else Level.WARNING, found, f"make room, or {way_out}")
    else:
        yield Finding(Level.OK, f"{name} can be written, {_size(free)} free")
    if not locks:
        yield Finding(
            Level.WARNING,
            f"the file system of {there} has no locks: two of the same command are not kept apart",
            "give no command twice at once, or use a file system with flock",
        )


def _size(size: float) -> str:
    if size < _SCARCE:
        return f"{size / (1 << 20):.0f} MiB"
    return f"{size / (1 << 30):,.0f} GiB"


def _reached(location: str) -> Finding:
    """Whether a store at a URL can be listed. That it can be written is not tried."""
    from olmo_eval.common.filesystem import open_filesystem, way_out

    try:
        files, path = open_filesystem(location)
        files.get_file_info(path)
    except OlmoEvalError as error:
        return Finding(Level.PROBLEM, error.message, error.hint or "")
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        otherwise = "check its name, the credentials and the network"
        hint = way_out(error, otherwise) or otherwise
        return Finding(Level.PROBLEM, f"{location} cannot be reached: {said}", hint)
    return Finding(Level.OK, f"{location} answers (writing was not tried)")
