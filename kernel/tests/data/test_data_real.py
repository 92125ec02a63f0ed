"""Real benchmark data, where OLMO_EVAL_DATA_MIRROR has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olmo_eval.data import DataLoader, DataSource


@pytest.mark.parametrize(
    ("uri", "rows", "fields"),
    [
        ("hf://openai/gsm8k?subset=main&split=test", 1319, {"question", "answer"}),
        ("hf://cais/mmlu?subset=anatomy&split=dev", 5, {"question", "choices", "answer"}),
        ("hf://openai/openai_humaneval?split=test", 164, {"task_id", "prompt", "test"}),
        ("hf://openai/gsm8k?subset=main&split=all", 8792, {"question", "answer"}),
    ],
)
def test_known_data_sets(real_mirror: Path, uri: str, rows: int, fields: set[str]) -> None:
    found = list(DataLoader(real_mirror).load(DataSource.from_uri(uri)))
    assert len(found) == rows
    assert fields <= set(found[0])


def test_every_file_of_the_manifest_loads_and_has_its_hash(real_mirror: Path) -> None:
    loader = DataLoader(real_mirror)
    for entry in json.loads((real_mirror / "MANIFEST.json").read_text("utf-8"))["files"]:
        if entry["file"].startswith("fewshot/"):
            continue
        source = DataSource(entry["path"], entry["subset"], entry["split"])
        first = next(loader.load(source))
        assert set(first) <= set(entry["fields"]), entry["file"]
        (file,) = loader.describe(source)["files"]
        assert (file["file"], file["sha256"]) == (entry["file"], entry["sha256"])
