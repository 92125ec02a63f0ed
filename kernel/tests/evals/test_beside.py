"""Data beside the task file is found from any folder; the command line means the current one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olmo_eval import plugins
from olmo_eval.common.overrides import parse_override
from olmo_eval.evals.tasks.common import build_task

PACK = """
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant

@register("beside")
class Beside(Task):
    data_source = DataSource(path="rows.jsonl")
    fewshot_source = "shots/rows.jsonl"
    num_fewshot = 1
    def process_doc(self, doc):
        return Instance(doc["q"], "a")

register_variant("beside", "other", data_source="./more/rows.jsonl")
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The plugin's folder and the current one, each with rows that say where they are."""
    for name, texts in {
        "plugin/rows.jsonl": "plugin",
        "plugin/shots/rows.jsonl": "shot",
        "plugin/more/rows.jsonl": "more",
        "here/rows.jsonl": "here",
        "here/own.jsonl": "own",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"q": texts}) + "\n")
    (tmp_path / "plugin/pack.py").write_text(PACK)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "plugin", tmp_path / "here"


def question(spec: str, *overrides: str) -> str:
    task = build_task(spec, [parse_override(text) for text in overrides])
    return next(iter(task.instances)).question


def test_what_a_task_file_says_lies_beside_it(folders: tuple[Path, Path]) -> None:
    with plugins.fresh_manager([str(folders[0] / "pack.py")]):
        assert question("beside") == "plugin"
        assert question("beside:other") == "more"
        assert build_task("beside").get_fewshot()[0].question == "shot"


def test_what_a_command_line_says_lies_in_the_current_folder(folders: tuple[Path, Path]) -> None:
    with plugins.fresh_manager([str(folders[0] / "pack.py")]):
        assert question("beside", "data_source=rows.jsonl") == "here"
        assert question("beside", "data_source=own.jsonl") == "own"
        assert question("beside", "data_source=more/rows.jsonl") == "more"


def test_the_current_folder_is_next(folders: tuple[Path, Path]) -> None:
    (folders[0] / "rows.jsonl").unlink()
    with plugins.fresh_manager([str(folders[0] / "pack.py")]):
        assert question("beside") == "here"
