"""Whole runs of a model that really calls tools, under every scaffold that offers it some."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate
from olmo_eval.plugins import fresh_manager
from olmo_eval.results.record import row_outputs

pytestmark = [pytest.mark.engine, pytest.mark.slow]

torch = pytest.importorskip("torch", reason="needs olmo-eval-providers[hf]")
pytest.importorskip("transformers", reason="needs olmo-eval-providers[hf]")
pytest.importorskip("agents", reason="needs olmo-eval-scaffolds[agents]")

PLUGINS = ["olmo_eval.builtins", "olmo_eval_providers.plugin", "olmo_eval_scaffolds.plugin"]
TOOL_MODEL = Path(__file__).parents[2] / "olmo_eval_providers" / "tests" / "tool_model.py"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small model, trained in some seconds."""
    torch.set_num_threads(1)  # on two busy cores the second one costs more than it brings
    spec = importlib.util.spec_from_file_location("tool_model", TOOL_MODEL)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.make(tmp_path_factory.mktemp("tool_model")))


@pytest.mark.parametrize("scaffold", ["tool_loop", "openai_agents"])
def test_it_answers_what_it_has_learnt(model: str, scaffold: str, tmp_path: Path) -> None:
    with fresh_manager(PLUGINS):
        run = evaluate(
            model,
            "adder",
            provider="hf",
            harness={"scaffold": scaffold, "tools": ["add"], "max_turns": 4},
            plugin=[str(Path(__file__).parent / "adder.py")],
            results=str(tmp_path),
        )
        rows = run.instances("adder").to_pylist()

    assert [row["outcome"] for row in rows] == ["scored"] * 3
    assert [score.value for score in run.scores()] == [1.0]
    for row, total in zip(rows, ("5", "8", "9"), strict=True):
        (output,) = row_outputs(row)
        assert output.trajectory is not None
        called, answered = output.trajectory.turns
        assert [call.name for call in called.tool_calls] == ["add"]
        assert [result.content for result in called.tool_results] == [total]
        assert answered.text == f"It is {total}."
