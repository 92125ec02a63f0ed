"""Folders as rows: data whose every item is a folder of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from olmo_eval.data.readers import Row
from olmo_eval.data.source import DataSource
from olmo_eval.errors import DataError

#: what tools leave behind, which is nobody's data
_LEFT = frozenset({"__pycache__"})


def files_of_folders(source: DataSource) -> list[str]:
    """Every file in the folders that are the rows of ``source``, in the order of their paths.

    Raises:
        DataError: there is no such folder, or no folder in it.
    """
    files = [str(file) for folder in _folders(source) for file in _files(folder)]
    if not files:
        raise DataError(
            f"{source.path}: no folders with files in this folder",
            hint="each item of such data is a folder; name the one that they lie in",
        )
    return files


def rows_of_folders(source: DataSource) -> Iterator[Row]:
    """A row a folder: its ``name``, its ``files`` (bytes by relative path), and which of them are
    ``executable``.

    Raises:
        DataError: as ``files_of_folders``, or a file cannot be read.
    """
    for folder in _folders(source):
        found = _files(folder)
        names = {file: file.relative_to(folder).as_posix() for file in found}
        try:
            contents = {name: file.read_bytes() for file, name in names.items()}
        except OSError as error:
            raise DataError(
                f"{error.filename}: cannot be read ({error.strerror})",
                hint="check the path and its permissions",
            ) from error
        runnable = [name for file, name in names.items() if os.access(file, os.X_OK)]
        yield {"name": folder.name, "files": contents, "executable": runnable}


def _folders(source: DataSource) -> list[Path]:
    path = Path(source.path).expanduser()
    if not path.is_dir():
        raise DataError(
            f"{path}: no such folder",
            hint="check the path (relative paths start at the current folder)",
        )
    if source.data_files:
        return [path / name for name in source.data_files]
    inside = (entry for entry in path.iterdir() if entry.is_dir())
    return sorted(folder for folder in inside if not folder.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(f for f in found if not _LEFT & set(f.relative_to(folder).parts))
