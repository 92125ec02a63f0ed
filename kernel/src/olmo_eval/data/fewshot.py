"""Fixed few-shot sets: rows chosen once by a publication and used in every prompt since.

The package ships what identifies each set (``fewshot_sets.json``: its source, row ids or digests,
and the hash of its published rows), never the rows' text. The rows are read from
``<mirror>/fewshot/<set>.jsonl``, or else collected from the source data set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from attrs import frozen

from olmo_eval.common.suggest import did_you_mean
from olmo_eval.data.loader import DataLoader, file_sha256
from olmo_eval.data.mirror import MIRROR_VARIABLE
from olmo_eval.data.readers import Row, read_rows
from olmo_eval.data.source import DataSource
from olmo_eval.errors import DataError, OlmoEvalError, UnknownNameError


@frozen
class FewshotSet:
    """What identifies a fixed few-shot set of ``rows`` rows with ``fields``, in order.

    ``source`` is where its rows come from; ``ids`` are their values of ``id_field``, or ``digests``
    those of :func:`row_digest`, where the data has no unique ids. A set with neither can only be
    read from a file. ``sha256`` is :func:`rows_sha256` of the published rows.
    """

    name: str
    rows: int
    fields: tuple[str, ...]
    sha256: str
    source: DataSource | None = None
    id_field: str = "id"
    ids: tuple[Any, ...] = ()
    digests: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_collectable(self) -> bool:
        """Whether the rows can be picked out of the source data set."""
        return self.source is not None and bool(self.ids or self.digests)


def load_fewshot_set(name: str, loader: DataLoader | None = None) -> list[Row]:
    """The rows of a fixed few-shot set, in its published order.

    Raises UnknownNameError (with the closest names) for a name that neither the package nor the
    mirror knows, and DataError, saying how to get the set, where its rows cannot be had.
    """
    loader = loader or DataLoader()
    if path := loader.mirror.find_fewshot(name):
        return list(read_rows(path))
    entry = fewshot_set(name, loader)
    try:
        return collect_fewshot_set(entry, loader)
    except OlmoEvalError as error:
        raise _unavailable(entry, loader, error) from error


def describe_fewshot_set(name: str, loader: DataLoader | None = None) -> dict[str, Any]:
    """Provenance of a set: where its rows came from, their hash, and whether they are the
    published ones (``published``: None for a set that only the mirror knows)."""
    loader = loader or DataLoader()
    digest = rows_sha256(load_fewshot_set(name, loader))
    known = _known_sets().get(name)
    described: dict[str, Any] = {"name": name, "sha256": digest}
    published = published_sha256(name)
    described["published"] = None if published is None else digest == published
    if path := loader.mirror.find_fewshot(name):
        root = loader.mirror.root_of(path)
        shown = str(path.relative_to(root)) if root else str(path)
        described |= {"kind": "mirror", "file": shown, "file_sha256": file_sha256(path)}
    elif known and known.source:
        described |= {"kind": "collected", "source": loader.describe(known.source)}
    return described


def fewshot_set_names(loader: DataLoader | None = None) -> list[str]:
    """Every set that the package identifies or the mirror holds, sorted."""
    loader = loader or DataLoader()
    return sorted({*_known_sets(), *loader.mirror.fewshot_names()})


def fewshot_set(name: str, loader: DataLoader | None = None) -> FewshotSet:
    """What the package knows of a set.

    Raises UnknownNameError with the closest names.
    """
    if name not in _known_sets():
        names = fewshot_set_names(loader)
        raise UnknownNameError(
            f"unknown few-shot set {name!r}",
            hint=did_you_mean(name, names, otherwise=f"known: {', '.join(names)}"),
        )
    return _known_sets()[name]


def published_sha256(name: str) -> str | None:
    """:func:`rows_sha256` of a set's published rows; None for a set the package does not know."""
    known = _known_sets().get(name)
    return known.sha256 if known else None


def collect_fewshot_set(entry: FewshotSet, loader: DataLoader) -> list[Row]:
    """Pick a set's rows out of its source data set, with the set's fields only.

    Raises DataError when a row is not there: a set never shrinks in silence.
    """
    if not entry.is_collectable or entry.source is None:
        raise DataError("its rows cannot be picked out of a data set")
    wanted: Sequence[Any] = entry.ids or entry.digests
    missing = set(wanted)
    found: dict[Any, Row] = {}
    for row in loader.load(entry.source):
        key = row.get(entry.id_field) if entry.ids else row_digest(row, entry.fields)
        if key in missing:
            found[key] = _only(entry, row)
            missing.discard(key)
            if not missing:
                return [found[key] for key in wanted]
    first = next(key for key in wanted if key in missing)
    raise DataError(
        f"{entry.source.uri()} lacks {len(missing)} of its {entry.rows} rows, such as"
        f" {entry.id_field if entry.ids else 'digest'} {first!r}"
    )


def row_digest(row: Row, fields: Sequence[str]) -> str:
    """The first 16 hex digits of the SHA-256 of a row's text and list fields, as compact JSON."""
    import orjson

    values = [row.get(name) for name in fields]
    text = orjson.dumps([value for value in values if isinstance(value, str | list)], default=str)
    return hashlib.sha256(text).hexdigest()[:16]


def rows_sha256(rows: Sequence[Row]) -> str:
    """The SHA-256 of rows as JSON Lines with sorted keys: the content, however it was stored."""
    import orjson

    digest = hashlib.sha256()
    for row in rows:
        digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS, default=str) + b"\n")
    return digest.hexdigest()


@cache
def _known_sets() -> dict[str, FewshotSet]:
    from importlib.resources import files

    text = (files("olmo_eval.data") / "fewshot_sets.json").read_text("utf-8")
    return {entry["name"]: _parse_entry(entry) for entry in json.loads(text)["sets"]}


def _parse_entry(entry: dict[str, Any]) -> FewshotSet:
    rest = {key: value for key, value in entry.items() if key != "rows_of"}
    for key in ("fields", "ids", "digests"):
        rest[key] = tuple(rest.get(key, ()))
    return FewshotSet(source=DataSource(**entry["rows_of"]) if entry["rows_of"] else None, **rest)


def _only(entry: FewshotSet, row: Row) -> Row:
    absent = [name for name in entry.fields if name not in row]
    if absent and entry.source:
        raise DataError(f"{entry.source.uri()}: no field {absent[0]!r}, needed by {entry.name}")
    return {name: row[name] for name in entry.fields}


def _unavailable(entry: FewshotSet, loader: DataLoader, error: OlmoEvalError) -> DataError:
    roots = [str(root / "fewshot" / f"{entry.name}.jsonl") for root in loader.mirror.roots]
    place = "not in the data mirror; looked for " + " or ".join(roots)
    if not roots:
        place = f"no data mirror is set ({MIRROR_VARIABLE})"
    pull = f"olmo-eval data pull {entry.name} --to MIRROR_FOLDER, or put the file there yourself"
    if not entry.is_collectable:
        pull = f"put {entry.name}.jsonl into MIRROR_FOLDER/fewshot ({entry.note})"
    return DataError(
        f"few-shot set {entry.name!r}: {place}; from its source: {error.message}", hint=pull
    )
