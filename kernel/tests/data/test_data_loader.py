"""DataLoader: local files and folders, the offline mirror, provenance."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.data import DataLoader, DataSource
from olmo_eval.errors import DataError

Write = Callable[[str, Any], Path]


def ids(rows: Any) -> list[int]:
    return [row["id"] for row in rows]


def test_a_local_file_is_read_whole_whatever_the_split(write: Write) -> None:
    path = write("questions.jsonl", [{"id": 1}, {"id": 2}])
    assert ids(DataLoader().load(DataSource(path, split="validation"))) == [1, 2]


def test_a_folder_gives_the_files_of_the_split(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", [{"id": 1}])
    write("data/test-00000-of-00002.jsonl", [{"id": 2}])
    write("data/test-00001-of-00002.jsonl.gz", [{"id": 3}])
    write("data/.cache/test.jsonl", [{"id": 9}])
    write("validation/part.csv", b"id\n4\n")
    load = DataLoader().load
    assert ids(load(DataSource(tmp_path, split="test"))) == [2, 3]
    assert ids(load(DataSource(tmp_path, split="train"))) == [1]
    assert ids(load(DataSource(tmp_path, split="validation"))) == ["4"]
    assert len(ids(load(DataSource(tmp_path, split="all")))) == 4
    with pytest.raises(DataError, match="no files for split 'dev'") as caught:
        list(load(DataSource(tmp_path, split="dev")))
    assert caught.value.hint == "it has: train, validation, test"


def test_joined_splits_of_a_folder_are_read_one_after_the_other(
    write: Write, tmp_path: Path
) -> None:
    write("train.jsonl", [{"id": 1}])
    write("validation.jsonl", [{"id": 2}])
    whole = write("elsewhere.jsonl", [{"id": 7}])
    load = DataLoader().load
    assert ids(load(DataSource(tmp_path, split="validation+train"))) == [2, 1]
    assert ids(load(DataSource(tmp_path, split="train+validation"))) == [1, 2]
    assert ids(load(DataSource(whole, split="validation+train"))) == [7]
    with pytest.raises(DataError, match="no files for split 'dev'"):
        list(load(DataSource(tmp_path, split="train+dev")))


def test_a_folder_without_split_names_is_one_split(write: Write, tmp_path: Path) -> None:
    write("b.jsonl", [{"id": 2}])
    write("a.jsonl", [{"id": 1}])
    assert ids(DataLoader().load(DataSource(tmp_path))) == [1, 2]
    named = DataSource(tmp_path, data_files="b.jsonl")
    assert ids(DataLoader().load(named)) == [2]


def test_a_subset_is_a_folder_below(write: Write, tmp_path: Path) -> None:
    write("hard/test.jsonl", [{"id": 1}])
    assert ids(DataLoader().load(DataSource(tmp_path, subset="hard"))) == [1]
    with pytest.raises(DataError, match="no subset 'soft'") as caught:
        list(DataLoader().load(DataSource(tmp_path, subset="soft")))
    assert caught.value.hint == "it has: hard"


@pytest.mark.parametrize(
    ("path", "message"),
    [("missing.jsonl", "no such file or folder"), ("./empty", "no data files in this folder")],
)
def test_missing_local_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message) as caught:
        list(DataLoader().load(DataSource(path)))
    assert caught.value.hint


class TestMirror:
    """Hub ids served from files."""

    def test_path_subset_and_split_are_a_file(self, write: Write, tmp_path: Path) -> None:
        write("org/name/default/test.jsonl", [{"id": 1}])
        write("org/name/hard/dev.jsonl.gz", [{"id": 2}])
        load = DataLoader(mirror=tmp_path).load
        assert ids(load(DataSource("org/name"))) == [1]
        assert ids(load(DataSource("org/name", "hard", "dev"))) == [2]

    def test_parquet_is_served_too(self, tmp_path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        (tmp_path / "org/name/default").mkdir(parents=True)
        table = pa.Table.from_pylist([{"id": n} for n in range(1000)])
        pq.write_table(table, tmp_path / "org/name/default/test.parquet")
        rows = DataLoader(mirror=tmp_path).load(DataSource("org/name"))
        assert ids(rows) == list(range(1000))

    def test_all_splits_come_in_a_fixed_order(self, write: Write, tmp_path: Path) -> None:
        for number, split in enumerate(["test", "train", "extra", "validation", "dev"]):
            write(f"org/name/default/{split}.jsonl", [{"id": number}])
        loader = DataLoader(mirror=tmp_path)
        assert ids(loader.load(DataSource("org/name", split="all"))) == [1, 3, 4, 0, 2]
        assert loader.splits(DataSource("org/name")) == [
            "train",
            "validation",
            "dev",
            "test",
            "extra",
        ]

    def test_joined_splits_come_in_the_order_of_their_names(
        self, write: Write, tmp_path: Path
    ) -> None:
        write("org/name/default/train.jsonl", [{"id": 1}])
        write("org/name/default/validation.jsonl", [{"id": 2}])
        loader = DataLoader(mirror=tmp_path)
        joined = DataSource("org/name", split="validation+train")
        assert ids(loader.load(joined)) == [2, 1]
        described = loader.describe(joined)
        assert [file["file"] for file in described["files"]] == [
            "org/name/default/validation.jsonl",
            "org/name/default/train.jsonl",
        ]
        with pytest.raises(DataError, match=r"default/dev\.jsonl"):
            list(loader.load(DataSource("org/name", split="train+dev")))

    @pytest.mark.parametrize(
        ("folder", "asked"),
        [
            ("ybisk/piqa", "piqa"),
            ("piqa", "ybisk/piqa"),
            ("openai/gsm8k", "gsm8k"),
            ("openai_humaneval", "openai/openai_humaneval"),
            ("allenai/winogrande", "winogrande"),
            ("commonsense_qa", "tau/commonsense_qa"),
            ("hellaswag", "allenai/hellaswag"),
        ],
    )
    def test_a_data_set_is_found_under_its_older_and_its_newer_name(
        self, write: Write, tmp_path: Path, folder: str, asked: str
    ) -> None:
        write(f"{folder}/default/test.jsonl", [{"id": 1}])
        loader = DataLoader(mirror=tmp_path)
        assert ids(loader.load(DataSource(asked))) == [1]
        assert loader.splits(DataSource(asked)) == ["test"]

    def test_the_name_that_is_asked_for_wins(self, write: Write, tmp_path: Path) -> None:
        write("piqa/default/test.jsonl", [{"id": 1}])
        write("ybisk/piqa/default/test.jsonl", [{"id": 2}])
        load = DataLoader(mirror=tmp_path).load
        assert ids(load(DataSource("piqa"))) == [1]
        assert ids(load(DataSource("ybisk/piqa"))) == [2]

    def test_a_file_named_all_is_all(self, write: Write, tmp_path: Path) -> None:
        write("org/name/default/all.jsonl", [{"id": 1}])
        write("org/name/default/test.jsonl", [{"id": 2}])
        loader = DataLoader(mirror=tmp_path)
        assert ids(loader.load(DataSource("org/name", split="all"))) == [1]

    def test_named_files_of_a_repository(self, write: Write, tmp_path: Path) -> None:
        write("org/name/arithmetic/validation.jsonl.gz", [{"id": 1}])
        published = DataSource("json", data_files="hf://org/name/arithmetic/validation.json")
        assert ids(DataLoader(mirror=tmp_path).load(published)) == [1]

    def test_the_variable_names_several_folders_and_the_first_wins(
        self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write("a/org/name/default/test.jsonl", [{"id": 1}])
        write("b/org/name/default/test.jsonl", [{"id": 2}])
        write("b/org/name/default/train.jsonl", [{"id": 3}])
        folders = [str(tmp_path / "a"), str(tmp_path / "b")]
        monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", os.pathsep.join(folders))
        assert ids(DataLoader().load(DataSource("org/name"))) == [1]
        assert ids(DataLoader().load(DataSource("org/name", split="train"))) == [3]

    def test_what_it_lacks_is_named_by_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            list(DataLoader(mirror=tmp_path).load(DataSource("org/name", "hard", "dev")))
        assert str(tmp_path / "org/name/hard/dev.jsonl.gz") in caught.value.message
        assert "olmo-eval data pull" in str(caught.value.hint)

    def test_a_mirror_that_is_no_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="not a folder") as caught:
            DataLoader(mirror=tmp_path / "nowhere")
        assert "OLMO_EVAL_DATA_MIRROR" in str(caught.value.hint)


class TestProvenance:
    """What a run records of its data."""

    def test_a_local_file_is_pinned_by_its_bytes(self, write: Write) -> None:
        path = write("x.jsonl", [{"id": 1}])
        described = DataLoader().describe(DataSource(path))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert described["kind"] == "local"
        assert described["files"] == [
            {"file": str(path), "bytes": path.stat().st_size, "sha256": digest}
        ]
        json.dumps(described)

    def test_a_mirror_file_has_the_same_record_in_any_mirror(
        self, write: Write, tmp_path: Path
    ) -> None:
        for name in ("a", "b"):
            write(f"{name}/org/name/default/test.jsonl", [{"id": 1}])
        source = DataSource("org/name")
        records = [DataLoader(mirror=tmp_path / name).describe(source) for name in ("a", "b")]
        assert records[0] == records[1]
        assert records[0]["files"][0]["file"] == "org/name/default/test.jsonl"

    def test_changed_bytes_change_the_fingerprint(self, write: Write) -> None:
        path = write("x.jsonl", [{"id": 1}])
        before = DataLoader().describe(DataSource(path))["fingerprint"]
        write("x.jsonl", [{"id": 1, "new": True}])
        assert DataLoader().describe(DataSource(path))["fingerprint"] != before

    def test_an_unchanged_file_is_hashed_once(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = DataSource(write("once.jsonl", [{"id": 1}]))
        first = DataLoader().describe(source)
        monkeypatch.setattr(hashlib, "file_digest", None)
        assert DataLoader().describe(source) == first
