"""Which files hold rows: known suffixes, and which files of a folder belong to a split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from olmo_eval.errors import DataError

#: Suffix -> format; ``.gz`` may follow any of the text ones.
FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
KNOWN_SUFFIXES = ".jsonl, .jsonl.gz, .json, .csv, .tsv (each also .gz) and .parquet"

#: The order in which splits are read for ``split="all"``; others follow by name.
SPLIT_ORDER = ("train", "validation", "dev", "test")
_SPLIT_WORDS = frozenset({*SPLIT_ORDER, "valid", "val", "eval", "all"})


def _bare_suffix(name: str) -> tuple[str, bool]:
    """The suffix before any ``.gz``, lower case, and whether there was a ``.gz``."""
    lowered = name.lower()
    compressed = lowered.endswith(".gz")
    return PurePosixPath(lowered.removesuffix(".gz")).suffix, compressed


def is_data_file(name: str) -> bool:
    """Whether the name ends in a suffix of a file that holds rows."""
    suffix, compressed = _bare_suffix(name)
    return suffix in FORMATS and not (compressed and suffix == ".parquet")


def joined_splits(split: str) -> tuple[str, ...]:
    """The splits that ``"validation+train"`` reads one after the other; most are one alone."""
    return tuple(dict.fromkeys(part.strip() for part in split.split("+")))


def file_format(name: str) -> tuple[str, bool]:
    """The format of a file by its name, and whether it is gzip-compressed.

    Raises DataError when the suffix is not one that holds rows.
    """
    if not is_data_file(name):
        raise DataError(
            f"{name}: not a kind of file that rows can be read from",
            hint=f"files with rows end in {KNOWN_SUFFIXES}",
        )
    suffix, compressed = _bare_suffix(name)
    return FORMATS[suffix], compressed


def without_suffix(name: str) -> str:
    """The name without the suffixes of its format: ``a/b.jsonl.gz`` -> ``a/b``."""
    if not is_data_file(name):
        return name
    suffix, compressed = _bare_suffix(name)
    return name[: len(name) - len(suffix) - (3 if compressed else 0)]


def in_split_order(splits: Iterable[str]) -> list[str]:
    """The splits in the order in which ``split="all"`` reads them, each once."""
    rank = {name: index for index, name in enumerate(SPLIT_ORDER)}
    return sorted(set(splits), key=lambda name: (rank.get(name, len(rank)), name))


def _split_of(name: str) -> str | None:
    """The split that a file's name or folder mentions (``data/train-00000-of-00002.parquet``)."""
    path = PurePosixPath(name)
    stem = re.split(r"[-_.]", PurePosixPath(without_suffix(path.name)).name, maxsplit=1)[0].lower()
    if stem in _SPLIT_WORDS:
        return stem
    return next((part for part in reversed(path.parts[:-1]) if part in _SPLIT_WORDS), None)


def _names_split(name: str, split: str) -> bool:
    path = PurePosixPath(name)
    stem = PurePosixPath(without_suffix(path.name)).name
    return bool(re.match(rf"{re.escape(split)}($|[-_.])", stem)) or split in path.parts[:-1]


def files_of_split(names: Sequence[str], split: str, place: str) -> list[str]:
    """The files of a folder (names relative to it) that belong to a split, in order.

    Where no name mentions any split, the folder is one split and all its files belong to it.
    Raises DataError when there are no data files, or files for other splits only.
    """
    files = sorted(name for name in names if is_data_file(name))
    if not files:
        raise DataError(
            f"{place}: no data files in this folder", hint=f"expected files in {KNOWN_SUFFIXES}"
        )
    if split == "all":
        return files
    if len(joined := joined_splits(split)) > 1:
        parts = (files_of_split(files, part, place) for part in joined)
        return list(dict.fromkeys(name for part in parts for name in part))
    chosen = [name for name in files if _names_split(name, split)]
    if chosen:
        return chosen
    present = in_split_order(found for name in files if (found := _split_of(name)))
    if present:
        raise DataError(
            f"{place}: no files for split {split!r}", hint=f"it has: {', '.join(present)}"
        )
    return files
