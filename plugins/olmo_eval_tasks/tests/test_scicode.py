"""SciCode: its steps as a conversation, and what its tests compare with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from attrs import evolve

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import DataError, MissingDependencyError
from olmo_eval_tasks.benchmarks.scicode import ScicodeDev, ScicodeTest, WithBackground
from olmo_eval_tasks.scorers import scicode
from olmo_eval_tasks.scorers.scicode import assembled, codes_of, recorded, recording_of


def step(number: str, name: str, gold: str, tests: list[str]) -> dict[str, Any]:
    return {
        "step_number": number,
        "step_description_prompt": f"Write {name}.",
        "step_background": f"What {name} is.",
        "function_header": f"def {name}(x):\n    '''Number to number.'''",
        "return_line": "    return y",
        "test_cases": tests,
        "ground_truth_code": gold,
    }


DOC = {
    "problem_id": "900",
    "problem_name": "powers",
    "problem_description_main": "Powers of numbers.",
    "problem_io": "x: a number",
    "required_dependencies": "import math",
    "sub_steps": [
        step(
            "900.1",
            "square",
            "def square(x):\n    return x * x",
            ["x = 3\nassert math.isclose(square(x), target)"],
        ),
        step(
            "900.2",
            "fourth",
            "def fourth(x):\n    return square(square(x))",
            ["x = 2\nassert math.isclose(fourth(x), target)", "assert (fourth(-1) > 0) == target"],
        ),
    ],
}


def made(task: type = ScicodeDev, **settings: Any) -> Any:
    return task(evolve(task.default_config("scicode_dev"), **settings))


def passes(instance: Instance, code: dict[str, str], number: int, folder: Path) -> bool:
    """Whether a step passes, as its scorer would run it."""
    each = instance.metadata["steps"][number]
    gold = {s["number"]: s["gold"] for s in instance.metadata["steps"]}
    for source in (
        assembled(instance, gold, each) + recording_of(each),
        assembled(instance, code, each) + scicode.tests_of(each),
    ):
        (folder / "step.py").write_text(source)
        ran = subprocess.run([sys.executable, "-I", "step.py"], cwd=folder, capture_output=True)
        if ran.returncode:
            return False
    return True


def test_steps_are_asked_one_after_another() -> None:
    task = made()
    instance = task.process_doc(DOC)
    assert "Powers of numbers." in instance.question and "import math" in instance.question
    assert "Step 900.1: Write square." in instance.question
    message = task.next_message(instance, ["..."])
    assert message is not None and "def fourth(x)" in message and "What fourth" not in message
    assert task.next_message(instance, ["...", "..."]) is None
    told = made(formatter=WithBackground()).process_doc(DOC).question
    assert "What square is." in told


def test_a_step_is_compared_with_what_its_solution_returns(tmp_path: Path) -> None:
    instance = made().process_doc(DOC)
    fourth = instance.metadata["steps"][1]["gold"]
    right = {"900.1": "def square(y):\n    return y ** 2", "900.2": fourth}
    assert passes(instance, right, 0, tmp_path) and passes(instance, right, 1, tmp_path)
    wrong = {**right, "900.1": "def square(y):\n    return y * 2 + 3 if y == 3 else 7"}
    assert passes(instance, wrong, 0, tmp_path)  # nine, by chance
    assert not passes(instance, wrong, 1, tmp_path)  # its own earlier step counts


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        ("assert np.allclose(f(1), target)", "_kept = f(1)"),
        ("assert near(f(\n  1), target)", "_kept = f(1)"),
        ("a = f(1)\nassert (a > 0) == target", "a = f(1)\n_kept = a > 0"),
        ("assert c(f()[0], target[0]) and c(f()[1], target[1])", "_kept = [f()[0], f()[1]]"),
        ("assert f(1)", "assert f(1)"),
    ],
)
def test_what_is_compared_is_found_in_a_test(test: str, kept: str) -> None:
    assert recorded(test) == kept


def test_the_code_of_each_answer_is_read_without_its_imports() -> None:
    first, second = "Sure:\n```python\nimport os\ndef a():\n    return 1\n```", "def b(): pass"
    output = LMOutput(second, metadata={"answers": [first, second]})
    assert codes_of(output) == ["def a():\n    return 1", "def b(): pass"]
    together = LMOutput("```python\ndef a(): 1\n```\n```python\ndef b(): 2\n```")
    assert codes_of(together) == ["def a(): 1", "def b(): 2"]
    assert codes_of(LMOutput(" \n")) == []


def test_without_targets_no_model_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_CACHE_DIR", str(tmp_path))
    task = made(ScicodeTest)
    episode = SimpleNamespace(instance=task.process_doc(DOC))
    with pytest.raises(DataError, match=r"is not in .*test_data\.h5") as caught:
        anyio.run(task.setup, episode)
    assert "DATA_CACHE_DIR=FOLDER" in str(caught.value.hint)


def test_without_the_package_its_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scicode, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="nvidia-scicode") as caught:
        list(made().instances)
    assert caught.value.hint == "pip install --no-deps nvidia-scicode==26.3"
