"""Folders as rows: what a row holds, what pins it, and what is told where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.data import DataLoader, DataSource
from olmo_eval.errors import DataError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, content in {
        "b/task.txt": "two",
        "a/task.txt": "one",
        "a/deep/run.sh": "exit",
        "a/__pycache__/x.pyc": "left",
        ".git/config": "x",
        "README.md": "about them",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "a/deep/run.sh").chmod(0o755)
    return tmp_path


def test_each_folder_is_a_row(place: Path) -> None:
    one, two = DataLoader().load(DataSource(place, source_type="folders"))

    assert one == {
        "name": "a",
        "files": {"deep/run.sh": b"exit", "task.txt": b"one"},
        "executable": ["deep/run.sh"],
    }
    assert (two["name"], two["files"]) == ("b", {"task.txt": b"two"})


def test_named_folders_alone(place: Path) -> None:
    source = DataSource(place, source_type="folders", data_files=("b",))
    assert [row["name"] for row in DataLoader().load(source)] == ["b"]


def test_contents_and_names_pin_the_data_and_its_place_does_not(place: Path) -> None:
    source = DataSource(place, source_type="folders")
    before = DataLoader().describe(source)
    named = [file["file"] for file in before["files"]]
    assert named == ["a/deep/run.sh", "a/task.txt", "b/task.txt"]

    (place / "b").rename(place / "c")

    assert DataLoader().describe(source)["fingerprint"] != before["fingerprint"]
    (place / "c").rename(place / "b")
    assert DataLoader().describe(source)["fingerprint"] == before["fingerprint"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders with files"):
        list(DataLoader().load(DataSource(tmp_path, source_type="folders")))
    with pytest.raises(DataError, match="no such folder"):
        DataLoader().locate(DataSource(tmp_path / "x", source_type="folders"))
