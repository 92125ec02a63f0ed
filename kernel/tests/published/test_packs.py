"""Task packs in the style of the published system run as they are, and score what they should."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare, plugins
from olmo_eval.cli.main import main
from olmo_eval.errors import UsageError
from olmo_eval.results.store import Run, open_run

PACKS = Path(__file__).parent / "packs"


def run(folder: Path, pack: str, *arguments: str, model: str = "mock") -> Run:
    """``olmo-eval run --plugin PACK``, in this process."""
    out = io.StringIO()
    command = ["run", "--plugin", str(PACKS / f"{pack}.py"), "-m", model, "--results", str(folder)]
    with plugins.fresh_manager(), redirect_stdout(out), redirect_stderr(out):
        try:
            code = main([*command, *arguments])
        except SystemExit as end:
            code = end.code
    assert not code, out.getvalue()
    return open_run(str(only_run(folder)))


def only_run(folder: Path) -> Path:
    (record,) = (folder / "runs").glob("*/run.json")
    return record.parent


def scores(made: Run) -> dict[str, dict[str, Any]]:
    return {f"{r['name']} {r['metric']}:{r['scorer']}": r for r in made.metrics().to_pylist()}


def values(made: Run) -> dict[str, float]:
    return {key: row["value"] for key, row in scores(made).items()}


def test_scorers_are_dataclasses_and_plain_classes(tmp_path: Path) -> None:
    made = run(tmp_path, "dataclass_scorer", "-t", "dataclass_scorer")

    assert values(made) == {
        "dataclass_scorer accuracy:ends_with": 0.5,
        "dataclass_scorer accuracy:lenient": 0.5,
        "dataclass_scorer accuracy:plain": 1.0,
    }


def test_a_computed_metric_that_is_a_mean_has_an_error_and_others_stand_alone(
    tmp_path: Path,
) -> None:
    made = run(tmp_path, "computed_metric", "-t", "computed_metric")

    found = scores(made)
    share, spread = (found[f"computed_metric {n}:exact_match"] for n in ("share", "spread"))
    assert share["value"] == 0.5 and share["stderr"] > 0
    assert spread["value"] == 1.0 and spread["stderr"] is None and spread["ci_low"] is None
    assert spread["method"] == "computed from all responses"
    assert any("spread" in note for note in made.record["remarks"])


def test_runs_are_not_compared_by_a_computed_score(tmp_path: Path) -> None:
    primary = ("-t", "computed_metric", "-o", "primary_metric=spread")
    one = run(tmp_path / "a", "computed_metric", *primary)
    two = run(tmp_path / "b", "computed_metric", *primary, model="mock:other")

    with pytest.raises(UsageError, match="computed from all responses at once"):
        compare(one, two)


@pytest.mark.parametrize(("task", "value"), [("batch_in_place", 0.5), ("batch_replaced", 0.25)])
def test_answers_are_extracted_by_the_task_as_a_whole(
    tmp_path: Path, task: str, value: float
) -> None:
    made = run(tmp_path, "batch_extraction", "-t", task)

    assert values(made) == {f"{task} accuracy:multiple_choice": value}


def test_a_task_scores_its_responses_itself(tmp_path: Path) -> None:
    made = run(tmp_path, "own_scores", "-t", "own_scores")

    assert values(made) == {
        "own_scores accuracy:coverage": 0.375,
        "own_scores best:coverage": 0.75,
    }


def test_variants_subtasks_and_suites(tmp_path: Path) -> None:
    tasks = ("-t", "acme_all", "-t", "letters:rc", "-t", "letters:zero", "-t", "words:many")
    made = run(tmp_path, "variants", *tasks)

    found = values(made)
    assert found["words:many pass_at_1:exact_match"] == 1.0
    assert found["colour_red:short accuracy:exact_match"] == 0.0  # cut after three tokens
    assert "acme_all" in {row["name"] for row in scores(made).values()}
    assert "letters:zero bits_per_byte:bits_per_byte" in found


def test_a_question_is_never_among_the_examples_that_its_request_asks_for(tmp_path: Path) -> None:
    made = run(tmp_path, "variants", "-t", "letters")

    for row in made.rows("letters"):
        prompt = row["request"]["prompt"]
        question = prompt.rpartition("Question: ")[2].partition("\n")[0]
        assert prompt.count(question) == 1 and prompt.count("Question:") == 3


def test_examples_are_those_that_the_task_builds(tmp_path: Path) -> None:
    made = run(tmp_path, "variants", "-t", "words:many")

    first = next(iter(made.rows("words:many")))["request"]["prompt"]
    assert first == "Say none 0: 0\n\nSay none 1: 1\n\nSay none 2: 2\n\nSay none0: "


def test_tools_and_expected_calls(tmp_path: Path) -> None:
    call = '{"text": "", "tool_calls": [{"name": "weather", "arguments": {"city": "rome"}}]}'
    made = run(
        tmp_path, "tool_calls", "-t", "tool_calls", "-o", f"provider.kwargs.replies=[{call}]"
    )

    assert values(made) == pytest.approx(
        {
            "tool_calls tool_accuracy:tool_call": 2 / 3,
            "tool_calls accuracy:tool_argument": 1 / 3,
            "tool_calls accuracy:tool_sequence": 1.0,
        }
    )


def test_an_external_eval_of_the_published_shape(tmp_path: Path) -> None:
    out = io.StringIO()
    command = ["external", "run", "--plugin", str(PACKS / "outside.py"), "acme_coins", "-m", "mock"]
    with plugins.fresh_manager(), redirect_stdout(out), redirect_stderr(out):
        try:
            code = main([*command, "-a", "flips=4", "--results", str(tmp_path)])
        except SystemExit as end:
            code = end.code

    assert not code, out.getvalue()
    made = only_run(tmp_path)
    assert values(open_run(str(made))) == {"acme_coins heads:external": 1.0}
    assert len(list(made.rglob("predictions.jsonl"))) == 1
