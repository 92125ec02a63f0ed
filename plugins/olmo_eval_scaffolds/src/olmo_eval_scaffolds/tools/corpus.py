"""A local corpus and its BM25 index."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.data.readers import read_rows
from olmo_eval.errors import DataError
from olmo_eval_scaffolds.extras import require

#: a word, also of one letter or digit, in any script
_WORD = r"(?u)\b\w+\b"
#: what corpora call their columns: those of BEIR, Pyserini and others
_IDS = ("id", "_id", "docid", "doc_id")
_TEXTS = ("text", "contents", "content", "passage")


@frozen
class Document:
    """One document of a corpus."""

    id: str
    title: str
    text: str


class Corpus:
    """The documents of one file, by id, and in the order of how well they fit a query.

    BM25 as Lucene scores it (k1 1.5, b 0.75; Lù 2024, the package bm25s), English stop words left
    out, no stemming. The index is made at the first search. Documents of equal score come in the
    order of the file.
    """

    def __init__(self, path: Path) -> None:
        self.documents = list(_documents(path).values())
        self._by_id = {document.id: document for document in self.documents}
        self._lock = threading.Lock()
        self._index: Any = None

    def get(self, id_: str) -> Document | None:
        """The document with this id, if there is one."""
        return self._by_id.get(id_)

    def search(self, query: str, limit: int) -> list[Document]:
        """At most ``limit`` documents that share a word with ``query``, the best first."""
        import numpy as np

        with self._lock:
            if self._index is None:
                self._index = self._indexed()
        words = _words([query], ids=False)[0]
        known = [word for word in words if word in self._index.vocab_dict]
        if not known:
            return []
        scores = self._index.get_scores(known)
        order = np.argsort(-scores, kind="stable")[:limit]
        return [self.documents[i] for i in order if scores[i] > 0]

    def _indexed(self) -> Any:
        index = require("bm25s", "search").BM25(method="lucene", k1=1.5, b=0.75)
        texts = [f"{document.title}\n{document.text}" for document in self.documents]
        index.index(_words(texts), show_progress=False)
        return index


def _words(texts: list[str], *, ids: bool = True) -> Any:
    tokenize = require("bm25s", "search").tokenize
    return tokenize(texts, token_pattern=_WORD, stopwords="en", return_ids=ids, show_progress=False)


def load_corpus(path: Path) -> Corpus:
    """The corpus in a file (JSON Lines, JSON, CSV, TSV, Parquet; also compressed), kept for as long
    as the file stays as it is.

    Raises:
        DataError: the file is missing, malformed or empty, or two documents have one id.
    """
    return _loaded(*_stamp(path))


def corpus_digest(path: Path) -> str:
    """SHA-256 of the file."""
    return _digest(*_stamp(path))


def _stamp(path: Path) -> tuple[Path, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return path.resolve(), found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _loaded(path: Path, _modified: int, _size: int) -> Corpus:
    return Corpus(path)


@cache
def _digest(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _documents(path: Path) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for number, row in enumerate(read_rows(path), 1):
        place = f"{path}: document {number}"
        text = _value(row, _TEXTS, place)
        id_ = _value(row, _IDS, place)
        if id_ in found:
            raise DataError(f"{place}: the id {id_!r} is taken by another document")
        found[id_] = Document(id_, str(row.get("title") or ""), text)
    if not found:
        raise DataError(f"{path}: there is no document in it")
    return found


def _value(row: Mapping[str, Any], names: tuple[str, ...], place: str) -> str:
    for name in names:
        if row.get(name) is not None:
            return str(row[name])
    raise DataError(f"{place} has no {names[0]}", hint=f"one of the columns {', '.join(names)}")
