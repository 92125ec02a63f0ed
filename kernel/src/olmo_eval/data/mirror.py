"""The offline mirror: hub data sets as plain files, for machines without the hub.

``OLMO_EVAL_DATA_MIRROR=DIR`` (several folders may be joined with the path separator; the first that
has the data wins) maps a hub source to ``DIR/<path>/<subset or default>/<split>.jsonl``, or
``.jsonl.gz``, or ``.parquet``. A named file of a repository (``data_files``) is looked for as
``DIR/<path>/<that file>``, in any format. A data set that has changed its name is found under every
one (:mod:`olmo_eval.data.aliases`). Fixed few-shot sets are ``DIR/fewshot/<set>.jsonl``.
``olmo-eval data pull`` writes this layout.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from attrs import evolve, frozen

from olmo_eval.data.aliases import names_of
from olmo_eval.data.formats import FORMATS, in_split_order, without_suffix
from olmo_eval.data.source import DataSource
from olmo_eval.errors import DataError

MIRROR_VARIABLE = "OLMO_EVAL_DATA_MIRROR"
MIRROR_SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


@frozen
class Mirror:
    """One or more folders in the mirror layout; the first that has a file wins."""

    roots: tuple[Path, ...] = ()

    @classmethod
    def of(cls, where: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None) -> Mirror:
        """A mirror of the given folder(s); None reads ``OLMO_EVAL_DATA_MIRROR``.

        Raises DataError when a named folder does not exist.
        """
        if where is None:
            where = os.environ.get(MIRROR_VARIABLE, "")
        names = where.split(os.pathsep) if isinstance(where, str) else _each(where)
        roots = tuple(Path(name).expanduser() for name in names if os.fspath(name))
        for root in roots:
            if not root.is_dir():
                raise DataError(
                    f"{root}: the data mirror is not a folder",
                    hint=f"set {MIRROR_VARIABLE} to a folder, or fill one:"
                    f" olmo-eval data pull TASK --to {root}",
                )
        return cls(roots)

    def __bool__(self) -> bool:
        return bool(self.roots)

    def find(self, source: DataSource) -> list[Path] | None:
        """The files that hold a hub source's rows, in order; None when the mirror lacks them."""
        for root in self.roots:
            for named in _under_every_name(source):
                if files := _find_in(root, named):
                    return files
        return None

    def splits(self, source: DataSource) -> list[str]:
        """The splits of a hub data set that the first mirror folder having any of them holds."""
        for root in self.roots:
            for named in _under_every_name(source):
                if found := _splits_in(root / source_folder(named)):
                    return found
        return []

    def find_fewshot(self, name: str) -> Path | None:
        """The file of a fixed few-shot set, or None."""
        for root in self.roots:
            if found := _with_suffix(root / "fewshot" / name):
                return found
        return None

    def fewshot_names(self) -> list[str]:
        """The few-shot sets that have a file here, sorted."""
        found = {
            without_suffix(path.name)
            for root in self.roots
            for suffix in MIRROR_SUFFIXES
            for path in root.glob(f"fewshot/*{suffix}")
        }
        return sorted(found)

    def root_of(self, file: Path) -> Path | None:
        """The mirror folder that a file lies in."""
        return next((root for root in self.roots if file.is_relative_to(root)), None)

    def missing(self, source: DataSource) -> DataError:
        """The error for a source that no folder of the mirror has."""
        looked_for = " or ".join(str(root / expected_file(source)) for root in self.roots)
        return DataError(
            f"{source.uri()}: not in the data mirror; looked for {looked_for}",
            hint="where the hub is reachable: olmo-eval data pull TASK --to MIRROR_FOLDER",
        )


def source_folder(source: DataSource) -> Path:
    """The folder of a hub source's splits, relative to a mirror folder."""
    return Path(source.path) / (source.subset or "default")


def expected_file(source: DataSource) -> Path:
    """Where a mirror holds a hub source (of one data file at most), as ``data pull`` writes it."""
    if source.data_files:
        return Path(source.path) / f"{without_suffix(source.data_files[0])}.jsonl.gz"
    return source_folder(source) / f"{source.split}.jsonl.gz"


def _under_every_name(source: DataSource) -> list[DataSource]:
    return [evolve(source, path=name) for name in names_of(source.path)]


def _each(where: Iterable[str | os.PathLike[str]] | os.PathLike[str]) -> list[str]:
    return [os.fspath(where)] if isinstance(where, os.PathLike) else [os.fspath(w) for w in where]


def _find_in(root: Path, source: DataSource) -> list[Path] | None:
    if source.data_files:
        files = [_data_file(root / source.path / name) for name in source.data_files]
        return [file for file in files if file] if all(files) else None
    folder = root / source_folder(source)
    found = _with_suffix(folder / source.split)
    if found is None and source.split == "all":
        return [
            file for split in _splits_in(folder) if (file := _with_suffix(folder / split))
        ] or None
    return None if found is None else [found]


def _with_suffix(stem: Path) -> Path | None:
    candidates = (stem.with_name(stem.name + suffix) for suffix in MIRROR_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _data_file(path: Path) -> Path | None:
    """A repository's file: under its own name, or the same rows in another format."""
    if path.is_file():
        return path
    stem = Path(without_suffix(str(path)))
    others = (stem.with_name(stem.name + s + gz) for s in FORMATS for gz in ("", ".gz"))
    return next((other for other in others if other.is_file()), None)


def _splits_in(folder: Path) -> list[str]:
    names = [path.name for suffix in MIRROR_SUFFIXES for path in folder.glob(f"*{suffix}")]
    return in_split_order(without_suffix(name) for name in names)


def one_file_each(source: DataSource) -> list[DataSource]:
    """A hub source as sources that each fill one mirror file."""
    if source.data_files and len(source.data_files) > 1:
        return [evolve(source, data_files=(name,)) for name in source.data_files]
    return [source]
