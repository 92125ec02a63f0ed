"""Filling a mirror, from another mirror."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.data import DataLoader, DataSource
from olmo_eval.data.pull import pull_fewshot_set, pull_source
from olmo_eval.errors import DataError

Write = Callable[[str, Any], Path]
SOURCE = DataSource("org/name", "hard")


@pytest.fixture
def origin(write: Write, tmp_path: Path) -> DataLoader:
    """A loader over a mirror with two splits, and big and awkward values."""
    write("from/org/name/hard/test.jsonl", [{"id": 1, "n": 2**70}, {"id": 2, "t": "数\u2028"}])
    write("from/org/name/hard/train.jsonl.gz", [{"id": 3}])
    write("from/org/name/sub/file.json", [{"id": 4}])
    write("from/fewshot/mbpp_fixed.jsonl", [{"task_id": 1}])
    return DataLoader(tmp_path / "from")


def test_a_pulled_source_reads_the_same(origin: DataLoader, tmp_path: Path) -> None:
    to = tmp_path / "to"
    (pulled,) = pull_source(SOURCE, to, loader=origin)
    assert (pulled.written, pulled.rows) == (True, 2)
    assert pulled.file == to / "org/name/hard/test.jsonl.gz"
    assert list(DataLoader(to).load(SOURCE)) == list(origin.load(SOURCE))


def test_all_is_one_file_a_split(origin: DataLoader, tmp_path: Path) -> None:
    source = DataSource("org/name", "hard", "all")
    names = [p.file.name for p in pull_source(source, tmp_path / "to", loader=origin)]
    assert names == ["train.jsonl.gz", "test.jsonl.gz"]
    assert list(DataLoader(tmp_path / "to").load(source)) == list(origin.load(source))


def test_a_named_file_is_found_again(origin: DataLoader, tmp_path: Path) -> None:
    source = DataSource("json", data_files="hf://org/name/sub/file.json")
    (pulled,) = pull_source(source, tmp_path / "to", loader=origin)
    assert pulled.file == tmp_path / "to/org/name/sub/file.jsonl.gz"
    assert list(DataLoader(tmp_path / "to").load(source)) == [{"id": 4}]


def test_the_same_rows_are_the_same_bytes(origin: DataLoader, tmp_path: Path) -> None:
    files = [next(pull_source(SOURCE, tmp_path / n, loader=origin)).file for n in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_is_there_is_left_alone_unless_forced(origin: DataLoader, tmp_path: Path) -> None:
    to = tmp_path / "to"
    file = next(pull_source(SOURCE, to, loader=origin)).file
    file.write_bytes(b"mine")
    assert [p.written for p in pull_source(SOURCE, to, loader=origin)] == [False]
    assert file.read_bytes() == b"mine"
    assert [p.written for p in pull_source(SOURCE, to, loader=origin, force=True)] == [True]
    assert list(DataLoader(to).load(SOURCE)) == list(origin.load(SOURCE))


def test_the_manifest_says_what_is_there(origin: DataLoader, tmp_path: Path) -> None:
    to = tmp_path / "to"
    for _ in range(2):
        list(pull_source(DataSource("org/name", "hard", "all"), to, loader=origin, force=True))
    pull_fewshot_set("mbpp_fixed", to, loader=origin)
    files = {
        entry["file"]: entry for entry in json.loads((to / "MANIFEST.json").read_text())["files"]
    }
    assert list(files) == [
        "fewshot/mbpp_fixed.jsonl",
        "org/name/hard/test.jsonl.gz",
        "org/name/hard/train.jsonl.gz",
    ]
    test = files["org/name/hard/test.jsonl.gz"]
    assert (test["rows"], test["fields"], test["split"]) == (2, ["id", "n", "t"], "test")
    digest = hashlib.sha256((to / test["file"]).read_bytes()).hexdigest()
    assert test["sha256"] == digest
    assert files["fewshot/mbpp_fixed.jsonl"]["published"] is False


def test_damage_at_the_source_leaves_nothing_behind(write: Write, tmp_path: Path) -> None:
    write("from/org/name/hard/test.jsonl", b'{"id": 1}\nbroken\n')
    to = tmp_path / "to"
    with pytest.raises(DataError, match=r"test\.jsonl:2: not valid JSON"):
        list(pull_source(SOURCE, to, loader=DataLoader(tmp_path / "from")))
    assert [path for path in to.rglob("*") if path.is_file()] == []


def test_an_empty_split_is_an_error(write: Write, tmp_path: Path) -> None:
    write("from/org/name/hard/test.jsonl", b"")
    with pytest.raises(DataError, match="no rows"):
        list(pull_source(SOURCE, tmp_path / "to", loader=DataLoader(tmp_path / "from")))


def test_files_and_urls_need_no_mirror(tmp_path: Path) -> None:
    for path in ("questions.jsonl", "s3://bucket/x.jsonl"):
        assert list(pull_source(DataSource(path), tmp_path / "to")) == []


def test_a_place_that_cannot_be_written_is_named(origin: DataLoader, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written") as caught:
        list(pull_source(SOURCE, tmp_path / "file", loader=origin))
    assert "--to" in str(caught.value.hint)


def test_a_foreign_manifest_is_not_overwritten(origin: DataLoader, tmp_path: Path) -> None:
    to = tmp_path / "to"
    to.mkdir()
    (to / "MANIFEST.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="not a mirror's manifest"):
        list(pull_source(SOURCE, to, loader=origin))
    assert (to / "MANIFEST.json").read_text() == "[1, 2]"
