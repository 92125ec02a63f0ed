"""What is known to fail is said in one line before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TASKS = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, JudgeScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


class Base(Task):
    data_source = DataSource(path="./sums", split="test")
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})


@register("skips")
class Skips(Base):
    def process_doc(self, doc):
        return None


@register("secretive")
class Secretive(Base):
    required_secrets = ("RIDDLES_PASSWORD",)


@register("judged")
class Judged(Base):
    metrics = (AccuracyMetric(scorer=JudgeScorer),)
"""

JUDGE = ("-o", "auxiliary_providers.judge.model=mock", "-o", "auxiliary_providers.judge.kind=mock")


@pytest.fixture
def refused(bench: Any) -> Any:
    """The one line that a command was refused with."""
    (bench.folder / "tasks.py").write_text(TASKS)

    def refused(*arguments: str) -> str:
        done = bench.cli("run", "--plugin", "tasks.py", "-m", "mock", *arguments)
        assert done.code in (1, 2) and not Path("results").exists()
        (said,) = done.err.strip().splitlines()
        return str(said)

    return refused


def test_rows_that_a_task_leaves_out_are_no_empty_file(bench: Any, refused: Any) -> None:
    assert refused("-t", "skips").endswith(
        "has 40 rows, and the task leaves out every one (process_doc)"
    )
    bench.write("sums/test.jsonl", [])
    assert refused("-t", "skips").endswith("is empty")


def test_a_secret_of_a_task(refused: Any) -> None:
    assert refused("-t", "secretive") == (
        "error: task 'secretive' needs the environment variable RIDDLES_PASSWORD"
    )


def test_a_secret_of_a_judge(bench: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = ("-o", 'auxiliary_providers.judge.required_secrets=["JUDGES_PASSWORD"]')

    said = refused("-t", "judged", *JUDGE, *secret)

    assert said.startswith("error: judge 'judge': the environment lacks JUDGES_PASSWORD")
    monkeypatch.setenv("JUDGES_PASSWORD", "words-of-honour")
    shown = bench.cli("run", "--plugin", "tasks.py", "-m", "mock", "-t", "judged", *JUDGE, *secret)
    assert "40 judge_failed" in shown.out  # the mock does not grade


def test_a_judge_is_added_as_the_hint_says(bench: Any, refused: Any) -> None:
    assert "-o auxiliary_providers.judge.model=MODEL" in refused("-t", "judged")

    shown = bench.cli("run", "--plugin", "tasks.py", "-m", "mock", "-t", "judged", *JUDGE)

    assert "40 judge_failed" in shown.out  # the mock does not grade
