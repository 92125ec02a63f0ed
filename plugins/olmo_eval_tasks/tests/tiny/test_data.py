"""The bundled questions: what the script writes, held back from training, one right answer each."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import olmo_eval_tasks.tiny

DATA = Path(olmo_eval_tasks.tiny.__file__).parent / "data"
RECIPE = Path(__file__).parents[4] / "examples" / "tiny_model"


def rows(folder: Path, task: str, split: str = "test") -> list[dict[str, Any]]:
    with gzip.open(folder / task / f"{split}.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    """The modules (world, corpus) of the tiny model's recipe."""
    monkeypatch.syspath_prepend(str(RECIPE))
    import corpus
    import world

    return world, corpus


def test_the_script_writes_the_bundled_rows(tmp_path: Path) -> None:
    command = [sys.executable, str(RECIPE / "make_tasks.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.gz"))
    assert written == sorted(path.relative_to(DATA) for path in DATA.rglob("*.gz"))
    for path in written:
        task, split = path.parent.name, path.name.partition(".")[0]
        assert rows(tmp_path, task, split) == rows(DATA, task, split)


def test_held_out_questions_are_not_in_the_training_text(
    recipe: tuple[ModuleType, ModuleType],
) -> None:
    _, corpus = recipe
    text = "\n".join(islice(corpus.documents(seed=7, length=2000), 2000))
    plain = text.replace(corpus.KNOWN, "").replace(corpus.UNKNOWN, "")
    assert "What is" in plain and "Passage:" in plain
    assert not [row for row in rows(DATA, "tiny_sums") if row["question"] in plain]
    assert not [row for row in rows(DATA, "tiny_reading") if row["passage"] in plain]
    assert not [row for row in rows(DATA, "tiny_text") if row["text"] in plain]
    assert not [row for row in rows(DATA, "tiny_null") if row["question"] in plain]


def test_exactly_one_choice_of_the_null_task_is_true(
    recipe: tuple[ModuleType, ModuleType],
) -> None:
    world, _ = recipe
    true = {(fact.attribute.key, fact.town): fact.value for fact in world.facts()}
    asked = {
        a.reverse_question.format(value=v): (a.key, v) for a in world.ATTRIBUTES for v in a.values
    }
    for row in rows(DATA, "tiny_null"):
        key, value = asked[row["question"]]
        right = [town for town in row["choices"] if true[key, town] == value]
        assert right == [row["choices"][row["gold"]]]


@pytest.mark.parametrize("task", ["tiny_facts", "tiny_sums_mc", "tiny_reading", "tiny_null"])
def test_the_right_choice_is_anywhere(task: str) -> None:
    found = [row["gold"] for row in rows(DATA, task)]
    assert all(len(set(row["choices"])) == 4 for row in rows(DATA, task))
    assert all(found.count(place) > len(found) / 6 for place in range(4))


def test_generation_is_deterministic(recipe: tuple[ModuleType, ModuleType]) -> None:
    _, corpus = recipe
    first, second = (list(islice(corpus.documents(5, 300), 20)) for _ in range(2))
    assert first == second
    assert first != list(islice(corpus.documents(6, 300), 20))
    assert corpus.story(random.Random(1)) == corpus.story(random.Random(1))
