"""The shipped checkpoints on the example tasks: what training taught, step by step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKPOINTS = Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints"
STEPS = sorted(CHECKPOINTS.glob("step*"), key=lambda folder: int(folder.name[4:]))
LEARNT = ("tiny_facts", "tiny_sums", "tiny_sums_mc", "tiny_reading")


# In a process of its own: other tests in this one may have loaded the tasks for another purpose.
PROGRAM = """
import json, sys
from olmo_eval import evaluate

found = {}
results, tasks, *folders = sys.argv[1:]
for folder in folders:
    run = evaluate(folder, tasks.split(), provider="embedded", limit=120, results=results)
    for score in run.scores():
        if score.primary:
            found.setdefault(score.task, []).append(score.value)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Each task's primary score at every step, on 120 questions."""
    results = str(tmp_path_factory.mktemp("results"))
    tasks = " ".join([*LEARNT, "tiny_text", "tiny_null"])
    command = [sys.executable, "-c", PROGRAM, results, tasks, *map(str, STEPS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("folder", STEPS, ids=lambda folder: folder.name)
def test_a_checkpoint_is_a_small_plain_folder(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert (folder / "model.safetensors").stat().st_size <= 1_600_000
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"


@pytest.mark.parametrize("task", LEARNT)
def test_scores_rise(scores: dict[str, list[float]], task: str) -> None:
    values = scores[task]
    assert len(values) == len(STEPS) >= 3
    assert values == sorted(values)
    assert values[0] < 0.45
    assert values[-1] > 0.75


def test_text_becomes_more_probable(scores: dict[str, list[float]]) -> None:
    values = scores["tiny_text"]
    assert values == sorted(values, reverse=True)


def test_the_null_task_stays_at_chance(scores: dict[str, list[float]]) -> None:
    # 1/4 give or take four standard errors at 120 questions
    assert all(abs(value - 0.25) < 0.16 for value in scores["tiny_null"])
