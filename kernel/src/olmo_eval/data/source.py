"""Where rows come from: one value that names a data set, and the strings people write for it.

Three kinds of place: a local file or folder, a data set on the Hugging Face hub (also served by an
offline mirror, see :mod:`olmo_eval.data.mirror`), and a remote URL that fsspec understands
(``s3://``, ``gs://``, ``https://``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from attrs import asdict, evolve, field, frozen

from olmo_eval.common.replaceable import replaceable
from olmo_eval.common.sequences import items
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.data.formats import is_data_file, joined_splits
from olmo_eval.errors import UsageError

_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# Names of the `datasets` library's format loaders: with one of these as `path`, the data is wholly
# in `data_files`. Published task files use the form.
_FORMAT_LOADERS = frozenset({"json", "csv", "parquet"})
_URI_KEYS = ("subset", "split", "revision", "data_files")


class SourceKind(StrEnum):
    """The kinds of place a :class:`DataSource` can name."""

    LOCAL = "local"
    HUB = "hub"
    REMOTE = "remote"
    FOLDERS = "folders"


#: its published name
SourceType = SourceKind

_TYPE_NAMES = {
    "local": SourceKind.LOCAL,
    "folders": SourceKind.FOLDERS,
    "hub": SourceKind.HUB,
    "hf": SourceKind.HUB,
    "huggingface": SourceKind.HUB,
    "remote": SourceKind.REMOTE,
    "s3": SourceKind.REMOTE,
    "gs": SourceKind.REMOTE,
    "gcs": SourceKind.REMOTE,
}


def _source_type(value: Any) -> SourceKind | None:
    if value is None:
        return None
    name = str(getattr(value, "value", value)).lower()
    if name not in _TYPE_NAMES:
        raise UsageError(
            f"unknown source_type {name!r}", hint=f"use one of: {', '.join(sorted(_TYPE_NAMES))}"
        )
    return _TYPE_NAMES[name]


def _subset(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _path(value: str | os.PathLike[str]) -> str:
    return str(os.fspath(value))


def _data_files(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, Mapping):
        raise UsageError(
            "data_files is a file name or a list of them, not a mapping of splits",
            hint="give the files of this source's split",
        )
    if value is None:
        return None
    return tuple(str(os.fspath(name)) for name in items(value)) or None


@replaceable
@frozen
class DataSource:
    """One split of one data set.

    - ``path``: a hub id (``"cais/mmlu"``), a file or folder, or a URL (``"s3://bucket/x.jsonl"``);
    - ``subset``: the configuration of a hub data set, a sub-folder of a folder; None for the
      default;
    - ``split``: ``"test"``, ``"train"``...; ``"all"`` is every split, in the order train,
      validation, dev, test, then by name; ``"validation+train"`` is both, in that order. A single
      file has no splits: it is read whole;
    - ``data_files``: names of files below ``path`` to read instead of a split;
    - ``revision``: branch, tag or commit of a hub data set;
    - ``source_type``: says which kind ``path`` is (``"local"``, ``"hub"``, ``"remote"``) where its
      shape would be read otherwise; ``"folders"`` is a folder whose every sub-folder is a row, or
      those that ``data_files`` names (``olmo_eval.data.folders``).
    """

    plain_data: ClassVar[bool] = True

    path: str = field(converter=_path)
    subset: str | None = field(default=None, converter=_subset)
    split: str = field(default="test", converter=str)
    data_files: tuple[str, ...] | None = field(default=None, converter=_data_files)
    revision: str | None = None
    source_type: SourceKind | None = field(default=None, converter=_source_type)

    def with_split(self, split: str) -> DataSource:
        """This source at another split."""
        return evolve(self, split=str(split))

    def with_subset(self, subset: str | None) -> DataSource:
        """This source at another subset."""
        return evolve(self, subset=subset)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values, without those that are not set."""
        found = asdict(self)
        return {name: value for name, value in found.items() if value is not None}

    def __attrs_post_init__(self) -> None:
        if not self.path:
            raise UsageError("a data source needs a path", hint="give a hub id, a file or a URL")
        if self.path.startswith(("hf://", "file://")):
            raise UsageError(
                f"DataSource(path={self.path!r}): a URI is not a path",
                hint=f"write DataSource.from_uri({self.path!r})",
            )
        if not all(joined_splits(self.split)):
            raise UsageError(
                f"split {self.split!r} lacks a name beside its +",
                hint="join splits as in validation+train",
            )

    @property
    def kind(self) -> SourceKind:
        """Which kind of place this is, from the shape of ``path`` alone (no disk is touched)."""
        if self.source_type is not None:
            return self.source_type
        if _SCHEME.match(self.path):
            return SourceKind.REMOTE
        return SourceKind.HUB if _looks_like_hub_id(self.path) else SourceKind.LOCAL

    def parts(self) -> tuple[DataSource, ...]:
        """The sources that have to be read one after another for this one's rows.

        Each of a hub data set's joined splits is a part; its ``data_files`` together are one. For
        everything else each data file is a part of its own.
        """
        if not self.data_files or self.kind is SourceKind.FOLDERS:
            if self.kind is not SourceKind.HUB:
                return (self,)
            return tuple(evolve(self, split=split) for split in joined_splits(self.split))
        if self.path in _FORMAT_LOADERS:
            return tuple(
                evolve(DataSource.parse(name), split=self.split, revision=self.revision)
                for name in self.data_files
            )
        if self.kind is SourceKind.HUB:
            return (self,)
        below = self.path.rstrip("/")
        return tuple(
            evolve(self, path=f"{below}/{name}", data_files=None) for name in self.data_files
        )

    def uri(self) -> str:
        """One line that names this source; ``DataSource.from_uri`` reads it back.

        A URL's own query and password are left out, since this line ends up in records.
        """
        query: list[tuple[str, str]] = []
        if self.subset is not None:
            query.append(("subset", self.subset))
        if self.split != "test" or self.kind is SourceKind.HUB:
            query.append(("split", self.split))
        if self.revision is not None:
            query.append(("revision", self.revision))
        query += [("data_files", name) for name in self.data_files or ()]
        tail = urlencode(query, safe="/:")
        if self.kind is SourceKind.HUB:
            return f"hf://{quote(self.path)}?{tail}"
        if self.kind is SourceKind.REMOTE:
            return without_secrets(self.path) + (f"?{tail}" if tail else "")
        return f"file://{quote(self.path)}" + (f"?{tail}" if tail else "")

    @classmethod
    def from_uri(cls, uri: str) -> DataSource:
        """Read ``hf://org/name?subset=&split=&revision=``, ``s3://``, ``gs://``, ``file://``, a
        file path or a plain ``org/name``.

        A file of a hub repository is named by its path: ``hf://org/name/dir/file.jsonl``; the
        longer ``hf://datasets/org/name@revision/dir/file.jsonl`` means the same.

        Raises UsageError for an unknown key in the query of an ``hf://`` or ``file://`` URI.
        """
        scheme = _SCHEME.match(uri)
        if scheme is None:
            return cls(path=uri)
        body, _, query = uri.partition("?")
        if scheme.group(1) == "hf":
            return cls(**{**_hub_fields(body, uri), **_known_fields(query, uri)})
        if scheme.group(1) == "file":
            return cls(
                path=unquote(body.removeprefix("file://")),
                source_type=SourceKind.LOCAL,
                **_known_fields(query, uri),
            )
        return _remote_source(cls, body, query)

    @classmethod
    def parse(cls, text: str) -> DataSource:
        """The source that a person means by ``-o data_source=TEXT``.

        A string that names an existing file, or ends in a suffix of a data file, is local;
        everything else is read by ``from_uri``.
        """
        if not _SCHEME.match(text) and (os.path.isfile(text) or is_data_file(text)):
            return cls(path=text, source_type=SourceKind.LOCAL)
        return cls.from_uri(text)

    def __str__(self) -> str:
        return self.uri()


def without_secrets(url: str) -> str:
    """A URL as it may be shown: no user or password, and no query of an https URL (signed ones
    carry keys there). The key of an object in a bucket may hold any character, and is kept."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if scheme in ("http", "https"):
        path = re.split("[?#]", path, maxsplit=1)[0]
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _looks_like_hub_id(path: str) -> bool:
    return bool(_HUB_ID.fullmatch(path)) and not is_data_file(path)


def _hub_fields(body: str, uri: str) -> dict[str, Any]:
    pieces = [unquote(piece) for piece in body.removeprefix("hf://").split("/") if piece]
    if len(pieces) > 1 and pieces[0] == "datasets":
        pieces = pieces[1:]
    if not pieces:
        raise UsageError(f"{uri}: no data set is named", hint="write hf://ORG/NAME?split=test")
    *owner, name = pieces[:2]
    name, _, revision = name.partition("@")
    found: dict[str, Any] = {"path": "/".join([*owner, name]), "source_type": None}
    if not _looks_like_hub_id(found["path"]):
        found["source_type"] = SourceKind.HUB
    if revision:
        found["revision"] = revision
    if pieces[2:]:
        found["data_files"] = "/".join(pieces[2:])
    return found


def _known_fields(query: str, uri: str) -> dict[str, Any]:
    pairs = parse_qsl(query, keep_blank_values=True)
    for key, _ in pairs:
        if key not in _URI_KEYS:
            raise UsageError(
                f"{uri}: unknown key {key!r}",
                hint=did_you_mean(key, _URI_KEYS, otherwise=f"known: {', '.join(_URI_KEYS)}"),
            )
    return _fields(pairs)


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key == "data_files":
            found[key] = (*found.get(key, ()), value)
        elif value:
            found[key] = value
    return found


def _remote_source(cls: type[DataSource], body: str, query: str) -> DataSource:
    # An https URL may need its own query (a token, ?download=1): only our keys are taken out.
    ours = [p for p in parse_qsl(query) if p[0] in _URI_KEYS]
    theirs = [piece for piece in query.split("&") if piece.partition("=")[0] not in _URI_KEYS]
    rest = "&".join(piece for piece in theirs if piece)
    return cls(path=f"{body}?{rest}" if rest else body, **_fields(ours))
