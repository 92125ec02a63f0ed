"""What a module's source refers to, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.runner import references
from olmo_eval.runner.references import ReferenceReader, References

SOURCE = b"""
import json as j
from .beside import clean
TABLE = "gold.json"
DATA = DataSource(path="rows.jsonl")

def late():
    import_module("acme.late")
"""
FOUND = References(
    (("j", "json"), ("clean", "acme.pack.beside.clean"), ("acme.late", "acme.late")),
    ("acme.late", "gold.json"),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path))
    return tmp_path


def read(content: bytes = SOURCE, package: str = "acme.pack") -> References:
    reader = ReferenceReader()
    found = reader.read(content, package)
    reader.save()
    return found


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The sources that are parsed from now on."""
    seen: list[bytes] = []
    parse = references.parse

    def watched(content: bytes, package: str) -> References:
        seen.append(content)
        return parse(content, package)

    monkeypatch.setattr(references, "parse", watched)
    return seen


def test_a_source_is_parsed_once_by_any_process(cache: Path, parsed: list[bytes]) -> None:
    assert read() == read() == FOUND
    assert parsed == [SOURCE]


def test_what_changed_is_parsed_again(cache: Path, parsed: list[bytes]) -> None:
    read()
    assert set(read(SOURCE + b"import csv").imports) == {*FOUND.imports, ("csv", "csv")}
    assert ("clean", "other.beside.clean") in read(package="other").imports
    assert len(parsed) == 3


def test_a_source_that_is_not_python_refers_to_nothing(cache: Path) -> None:
    assert read(b"def (") == References()


@pytest.mark.parametrize("damage", [b"", b"[1]", b"\xff", b'{"x": 3}'])
def test_a_damaged_cache_is_done_without(cache: Path, parsed: list[bytes], damage: bytes) -> None:
    read()
    (file,) = cache.iterdir()
    file.write_bytes(damage)
    assert read() == FOUND
    assert len(parsed) == 2


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    (cache / "file").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLMO_EVAL_CACHE", str(cache / "file"))
        assert read() == FOUND
