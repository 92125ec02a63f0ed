"""The tools ``search`` and ``fetch``: a local corpus, which gives the same answers on every day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from olmo_eval.agents.tools import Tool, ToolError, tool
from olmo_eval.agents.toolset import Toolset
from olmo_eval_scaffolds.extras import require
from olmo_eval_scaffolds.tools.corpus import Corpus, Document, corpus_digest, load_corpus

_PAGE = 8_000  # characters of a document that one call of fetch returns


class LocalSearch(Toolset):
    """Search the documents of a file and fetch one, as search:FILE.

    ``corpus`` is a file of documents with ``id``, ``text`` and perhaps ``title``; ``limit`` how
    many a search returns; ``snippet`` how many characters of each it shows. The corpus is kept in
    memory, once a process.
    """

    argument = "corpus"

    def __init__(self, corpus: str, limit: int = 5, snippet: int = 300) -> None:
        if limit < 1 or snippet < 1:
            raise ValueError("limit and snippet must be at least 1")
        self.path = Path(corpus).expanduser()
        self.limit = limit
        self.snippet = snippet

    def identity(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The corpus by its content, wherever it lies."""
        return {**settings, "corpus": f"sha256:{corpus_digest(self.path)}"}

    def tools(self) -> Sequence[Tool]:
        require("bm25s", "search")
        corpus = load_corpus(self.path)

        @tool
        def search(query: str) -> str:
            """Search the documents by words; returns the best ones with their ids.

            Args:
                query: Words that the documents should contain.
            """
            found = corpus.search(query, self.limit)
            if not found:
                return "No document has any of these words."
            return "\n\n".join(
                f"{number}. {_heading(document)}\n{self._snippet(document.text)}"
                for number, document in enumerate(found, 1)
            )

        @tool(output_limit=2 * _PAGE)
        def fetch(id: str, start: int = 0) -> str:
            """Read one of the documents, a page of it at a time.

            Args:
                id: The document's id, as a search shows it.
                start: The character to begin with.
            """
            return page(_known(corpus, id), start)

        return (search, fetch)

    def _snippet(self, text: str) -> str:
        words = " ".join(text.split())
        return words if len(words) <= self.snippet else f"{words[: self.snippet]}..."


def page(document: Document, start: int) -> str:
    """``document`` from the character ``start``, and how to read on."""
    text = document.text[max(start, 0) : max(start, 0) + _PAGE]
    if not text and start > 0:
        raise ToolError(f"The document {document.id} has {len(document.text)} characters.")
    end = max(start, 0) + len(text)
    more = len(document.text) - end
    note = f"\n[{more} more characters; go on with start={end}]" if more else ""
    return f"{_heading(document)}\n{text}{note}"


def _known(corpus: Corpus, id_: str) -> Document:
    document = corpus.get(id_)
    if document is None:
        raise ToolError(f"There is not a document {id_!r}; search shows the ids.")
    return document


def _heading(document: Document) -> str:
    return f"[{document.id}] {document.title}".strip()
