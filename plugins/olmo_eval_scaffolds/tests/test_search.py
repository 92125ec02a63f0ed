"""The tools ``search`` and ``fetch``, over a file of documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval.agents.selection import find_tools, tool_identity
from olmo_eval.agents.tools import ToolError
from olmo_eval.errors import DataError, UsageError
from olmo_eval.plugins import fresh_manager
from olmo_eval.testing.tool import CHECKS, Subject, check_tool
from olmo_eval_scaffolds.tools.search import LocalSearch

pytestmark = pytest.mark.engine
pytest.importorskip("bm25s", reason="search needs olmo-eval-scaffolds[search]")

DOCUMENTS = [
    {"_id": "peru", "title": "Peru", "text": "Lima is the capital of Peru. " + "Long. " * 3000},
    {"_id": "france", "title": "France", "text": "Paris is the capital of France."},
    {"_id": "fruit", "title": "", "contents": "Bananas are yellow, and so are lemons."},
    {"_id": "twin-1", "title": "", "text": "quince"},
    {"_id": "twin-2", "title": "", "text": "quince"},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    return path


def tools(path: Path, **settings: Any) -> tuple[Any, Any]:
    search, fetch = LocalSearch(str(path), **settings).tools()
    return search.function, fetch.function


def test_the_best_documents_come_first_with_their_ids(corpus: Path) -> None:
    search, _ = tools(corpus)
    first, second = search(query="What is the capital of Peru?").split("\n\n")
    assert first == "1. [france] France\nParis is the capital of France."  # the shorter one
    assert second.startswith("2. [peru] Peru\nLima is the capital of Peru. Long.")
    assert second.endswith("...") and len(second) < 350
    assert search(query="Lima").startswith("1. [peru]")


def test_documents_of_one_score_come_in_the_order_of_the_file(corpus: Path) -> None:
    search, _ = tools(corpus)
    assert search(query="quince") == "1. [twin-1]\nquince\n\n2. [twin-2]\nquince"
    assert tools(corpus, limit=1)[0](query="quince") == "1. [twin-1]\nquince"


@pytest.mark.parametrize("query", ["xylophone", "the", "", "?!"])
def test_words_that_no_document_has_find_nothing(corpus: Path, query: str) -> None:
    search, _ = tools(corpus)
    assert search(query=query) == "No document has any of these words."


def test_a_document_is_read_page_by_page(corpus: Path) -> None:
    _, fetch = tools(corpus)
    assert fetch(id="france") == "[france] France\nParis is the capital of France."
    first = fetch(id="peru")
    start = int(first.rpartition("start=")[2].rstrip("]"))
    assert start == 8000 and "10029 more characters" in first
    rest = fetch(id="peru", start=16000)
    assert rest.endswith("Long. ") and "more characters" not in rest
    with pytest.raises(ToolError, match="has 18029 characters"):
        fetch(id="peru", start=20000)
    with pytest.raises(ToolError, match="There is not a document 'spain'"):
        fetch(id="spain")


def test_the_corpus_decides_whatever_its_name(corpus: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.jsonl"
    with fresh_manager(["olmo_eval_scaffolds.plugin"]):
        before = tool_identity(f"search:{corpus}")
        moved.write_bytes(corpus.read_bytes())
        assert tool_identity(f"search:{moved}") == before
        moved.write_text(json.dumps({"id": 1, "text": "other"}))
        assert tool_identity(f"search:{moved}") != before
        assert list(find_tools([f"search:{moved}"])) == ["search", "fetch"]
    assert before["corpus"].startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": 1}\n', "document 1 has no text"),
        ('{"text": "a"}\n', "document 1 has no id"),
        ('{"id": 1, "text": "a"}\n' * 2, "document 2: the id '1' is taken"),
        ("", "there is no document in it"),
        ('{"id": 1, "te', "docs.jsonl:1"),
    ],
)
def test_a_corpus_that_is_not_one_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        LocalSearch(str(path)).tools()


def test_a_corpus_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.jsonl: cannot be read"):
        LocalSearch(str(tmp_path / "none.jsonl")).tools()
    with fresh_manager(["olmo_eval_scaffolds.plugin"]), pytest.raises(UsageError, match="limit"):
        find_tools([{"name": "search", "corpus": "x", "limit": 0}])


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "its_time_is_limited"])
@pytest.mark.parametrize(
    ("index", "arguments"),
    [(0, {"query": "capital"}), (1, {"id": "peru"})],
    ids=["search", "fetch"],
)
def test_the_contract(corpus: Path, index: int, arguments: dict[str, Any], check: str) -> None:
    made = LocalSearch(str(corpus)).tools()[index]
    anyio.run(check_tool, Subject(made, arguments), check)
