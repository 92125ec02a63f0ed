"""``olmo-eval data list`` and ``olmo-eval data pull``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from olmo_eval.cli.data import data
from olmo_eval.data import DataLoader, DataSource
from olmo_eval.errors import OlmoEvalError
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.evals.tasks.common import Task, register, register_variant

Write = Callable[[str, Any], Path]


@register("data_commands_quiz")
class Quiz(Task):
    """A task with a source, a few-shot split and a fixed few-shot set."""

    data_source = DataSource("acme/quiz", split="test")
    fewshot_split = "train"


register_variant("data_commands_quiz", "2shot", num_fewshot=2)
register_variant("data_commands_quiz", "fixed", num_fewshot=1, fewshot_source="mbpp_fixed")
register_suite(Suite("data_commands_suite", tasks=("data_commands_quiz:2shot",)))


@pytest.fixture
def origin(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with all that the task reads, named by the environment."""
    write("from/acme/quiz/default/test.jsonl", [{"id": 1}])
    write("from/acme/quiz/default/train.jsonl", [{"id": 2}])
    write("from/fewshot/mbpp_fixed.jsonl", [{"task_id": 1}])
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(tmp_path / "from"))
    return tmp_path / "from"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


def test_pulling_a_task_makes_a_mirror_that_serves_all_its_variants(
    origin: Path, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    result = invoke("pull", "data_commands_quiz", "--to", str(to))
    assert result.exit_code == 0, result.output
    assert "wrote    acme/quiz/default/test.jsonl.gz (1 row)" in result.output
    assert f"OLMO_EVAL_DATA_MIRROR={to}" in result.output
    loader = DataLoader(to)
    assert list(loader.load(DataSource("acme/quiz", split="train"))) == [{"id": 2}]
    assert loader.mirror.fewshot_names() == ["mbpp_fixed"]
    again = invoke("pull", "data_commands_quiz", "--to", str(to))
    assert again.output.count("present  ") == 3


def test_a_suite_a_set_and_a_uri_can_be_pulled(origin: Path, tmp_path: Path) -> None:
    to = str(tmp_path / "to")
    assert invoke("pull", "data_commands_suite", "--to", to).output.count("wrote") == 2
    assert "fewshot/mbpp_fixed.jsonl" in invoke("pull", "mbpp_fixed", "--to", to).output
    forced = invoke("pull", "hf://acme/quiz?split=test", "--to", to, "--force")
    assert "wrote    acme/quiz/default/test.jsonl.gz" in forced.output


def test_what_cannot_be_pulled_is_named_and_the_rest_is_pulled(
    origin: Path, tmp_path: Path
) -> None:
    (origin / "acme/quiz/default/test.jsonl").unlink()
    result = invoke("pull", "data_commands_quiz", "--to", str(tmp_path / "to"))
    assert result.exit_code == 1
    assert isinstance(result.exception, OlmoEvalError)
    assert "1 of 3 sources could not be pulled" in result.exception.message
    assert "failed   hf://acme/quiz?split=test" in result.output
    assert result.output.count("wrote") == 2


def test_pull_asks_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke("pull", "data_commands_quiz")
    assert isinstance(result.exception, OlmoEvalError)
    assert "--to" in str(result.exception.hint)


def test_list_says_what_is_there_and_what_is_not(origin: Path) -> None:
    (origin / "acme/quiz/default/train.jsonl").unlink()
    result = invoke("list", "data_commands_quiz", "--json")
    where = {row["source"]: row["where"] for row in json.loads(result.output)}
    assert where == {
        "hf://acme/quiz?split=test": "mirror",
        "hf://acme/quiz?split=train": "missing",
        "fewshot/mbpp_fixed": "mirror",
    }
    plain = invoke("list", "data_commands_suite")
    assert "missing  data_commands_quiz:2shot" in plain.output
    assert "olmo-eval data pull" in plain.output


def test_an_unknown_task_offers_the_closest(origin: Path) -> None:
    result = invoke("list", "data_commands_quizz")
    assert isinstance(result.exception, OlmoEvalError)
    assert "data_commands_quiz" in str(result.exception.hint)
