"""The hub's library, really loading folders that are laid out like hub data sets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.data import DataLoader, DataSource, hub
from olmo_eval.data.pull import pull_source
from olmo_eval.errors import DataError, MissingDependencyError

Write = Callable[[str, Any], Path]


@pytest.fixture
def folder(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder that the library reads as it reads a repository, with its cache beside it."""
    datasets = pytest.importorskip("datasets", reason="needs olmo-eval[hub]")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    import pyarrow as pa
    import pyarrow.parquet as pq

    write("set/README.md", _CARD.encode())
    write("set/easy/train.jsonl", [{"id": 1, "answers": ["x"]}])
    write("set/easy/test.jsonl", [{"id": 2, "answers": []}, {"id": 3, "answers": ["y", "z"]}])
    table = pa.Table.from_pylist([{"id": n, "meta": {"k": n}} for n in range(700)])
    pq.write_table(table, write("tables/test.parquet", b""))
    return str(tmp_path / "set")


_CARD = """---
configs:
- config_name: easy
  data_files: [{split: train, path: easy/train.jsonl}, {split: test, path: easy/test.jsonl}]
---
"""


def test_the_hub_is_asked_for_todays_name(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="needs olmo-eval[hub]")
    asked = []

    def no_network(path: str, *_: Any, **__: Any) -> None:
        asked.append(path)
        raise ConnectionError("no network in tests")

    monkeypatch.setattr(datasets, "load_dataset_builder", no_network)
    with pytest.raises(DataError, match="hf://piqa"):
        list(DataLoader().load(DataSource("piqa", split="validation")))
    assert set(asked) == {"ybisk/piqa"}


@pytest.mark.engine
class TestLibrary:
    """``source_type="hub"`` sends a folder through the library."""

    def test_subset_and_split(self, folder: str) -> None:
        source = DataSource(folder, "easy", "test", source_type="hub")
        rows = list(DataLoader().load(source))
        assert rows == [{"id": 2, "answers": []}, {"id": 3, "answers": ["y", "z"]}]

    def test_parquet(self, folder: str) -> None:
        tables = Path(folder).with_name("tables")
        rows = list(DataLoader().load(DataSource(tables, source_type="hub")))
        assert rows[-1] == {"id": 699, "meta": {"k": 699}}

    def test_all_splits_in_order(self, folder: str) -> None:
        source = DataSource(folder, "easy", "all", source_type="hub")
        assert [row["id"] for row in DataLoader().load(source)] == [1, 2, 3]
        assert DataLoader().splits(source) == ["train", "test"]

    def test_joined_splits(self, folder: str) -> None:
        source = DataSource(folder, "easy", "test+train", source_type="hub")
        assert [row["id"] for row in DataLoader().load(source)] == [2, 3, 1]

    def test_named_files(self, folder: str) -> None:
        source = DataSource(folder, data_files="easy/train.jsonl", source_type="hub")
        assert [row["id"] for row in DataLoader().load(source)] == [1]

    def test_streaming_gives_the_same_rows(
        self, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = DataSource(folder, "easy", "all", source_type="hub")
        kept = list(DataLoader().load(source))
        monkeypatch.setattr(hub, "STREAM_ABOVE_BYTES", -1)
        monkeypatch.delenv("HF_HUB_OFFLINE")
        assert list(DataLoader().load(source)) == kept

    @pytest.mark.parametrize(
        ("subset", "split", "message"),
        [("easy", "dev", "dev"), ("none", "test", "none"), ("easy", "dev[:3", "dev")],
    )
    def test_what_it_lacks_is_one_error(
        self, folder: str, subset: str, split: str, message: str
    ) -> None:
        with pytest.raises(DataError, match=message) as caught:
            list(DataLoader().load(DataSource(folder, subset, split, source_type="hub")))
        assert "split" in str(caught.value.hint)

    def test_a_pull_goes_into_a_mirror(
        self, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(Path(folder).parent)
        source = DataSource("set", "easy", "all", source_type="hub")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        pulled = list(pull_source(source, tmp_path / "to"))
        assert [p.rows for p in pulled] == [1, 2]
        assert [row["id"] for row in DataLoader(tmp_path / "to").load(source)] == [1, 2, 3]

    def test_damage_is_named_with_its_cause(self, write: Write, tmp_path: Path) -> None:
        pytest.importorskip("datasets", reason="needs olmo-eval[hub]")
        write("bad/test.jsonl", b'{"id": 1}\nbroken\n')
        with pytest.raises(DataError, match="JSON"):
            list(DataLoader().load(DataSource(tmp_path / "bad", source_type="hub")))

    def test_an_unreachable_hub_says_what_to_do(self, tmp_path: Path) -> None:
        pytest.importorskip("datasets", reason="needs olmo-eval[hub]")
        with pytest.raises(DataError, match="hf://org/no-such-data-set") as caught:
            list(DataLoader().load(DataSource("org/no-such-data-set")))
        assert "OLMO_EVAL_DATA_MIRROR" in str(caught.value.hint)


@pytest.mark.engine
def test_a_full_commit_is_its_own_revision() -> None:
    pytest.importorskip("datasets", reason="needs olmo-eval[hub]")
    source = DataSource("org/name", revision="a" * 40)
    assert DataLoader().describe(source)["revision"] == "a" * 40


def test_the_commit_that_is_loaded_is_the_commit_that_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[Any] = []

    class Library:
        @staticmethod
        def load_dataset_builder(*args: Any, **options: Any) -> Any:
            loaded.append(options["revision"])
            raise ValueError("far enough")

    monkeypatch.setattr(hub, "_datasets", Library)
    monkeypatch.setattr(hub, "_commit", lambda *_: "b" * 40)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    source = DataSource("org/name")
    with pytest.raises(DataError, match="far enough"):
        list(DataLoader().load(source))
    assert loaded == ["b" * 40]
    assert DataLoader().describe(source)["revision"] == "b" * 40


def test_without_the_library_the_install_command_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingDependencyError) as caught:
        list(DataLoader().load(DataSource("org/name")))
    assert "pip install 'olmo-eval[hub]'" in str(caught.value.hint)
