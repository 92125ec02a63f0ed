"""Runs that a model judges: what is kept, what is paid, what happens again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.errors import RunFailedError, UsageError
from olmo_eval.results.store import Run, Store

PACK = str(Path(__file__).parent.parent / "packs/opinions.py")
METRIC = "metrics=[accuracy:llm_judge]"

Make = Callable[..., Run]


@pytest.fixture
def make(bench: Any) -> Make:
    """A run of ten sums, judged by ``judge``."""

    def made(judge: str | None = "opinion:first", *overrides: str, **settings: Any) -> Run:
        settings = {"limit": 10, "plugin": [PACK], **settings}
        found: Run = bench.evaluate("sums", judge=judge, overrides=[METRIC, *overrides], **settings)
        return found

    return made


def judged() -> int:
    path = Path("judged.log")
    return len(path.read_text().splitlines()) if path.exists() else 0


def calls(run: Run) -> list[dict[str, Any]]:
    kept = [json.loads(row["outputs"][0]["evidence"] or "{}") for row in run.rows("sums")]
    return [call for one in kept for call in one.get("judge_calls", ())]


def outcomes(run: Run) -> dict[str, int]:
    found: dict[str, int] = run.task_record("sums")["outcomes"]
    return found


def test_prompts_replies_and_thoughts_stand_beside_the_score(make: Make) -> None:
    run = make()

    (call, *others) = calls(run)
    assert len(others) == 9
    assert (call["provider"], call["model"], call["scorer"]) == ("judge", "first", "llm_judge")
    assert "<response>" in call["messages"][0]["content"]
    assert (call["reply"], call["thinking"]) == ("yes", "no, no")
    assert call["sampling"] == {"max_tokens": 1024, "temperature": 0.0}
    assert run.scores()[0].value == 1.0


def test_what_judges_take_is_counted_apart(make: Make) -> None:
    run = make()

    assert run.record["judge_usage"] == {
        "calls": 10,
        "prompt_tokens": 200,
        "completion_tokens": 30,
        "cost_usd": pytest.approx(1.0),
    }
    assert run.record["usage"]["cost_usd"] == 0
    rows = run.instances("sums").to_pylist()
    assert {(row["judge_calls"], row["judge_cost_usd"]) for row in rows} == {(1, 0.1)}
    assert {row["cost_usd"] for row in rows} == {None}


def test_a_reply_that_cannot_be_read_is_kept_and_is_no_score(make: Make) -> None:
    run = make("opinion:first", "auxiliary_providers.judge.kwargs.reply=perhaps")

    score = run.scores()[0]
    assert (score.value, score.n_scored, outcomes(run)) == (None, 0, {"judge_failed": 10})
    assert {call["reply"] for call in calls(run)} == {"perhaps"}
    assert run.record["judge_usage"]["calls"] == 10


def test_a_judge_that_dies_midway_costs_asking_it_again_alone(make: Make) -> None:
    Path("most").write_text("4")
    died = make()
    assert outcomes(died) == {"judge_failed": 6, "scored": 4}
    assert sum(call.get("error") == "gone" for call in calls(died)) == 6
    Path("most").unlink()

    made = make()

    assert (made.run_id, outcomes(made), judged()) == (died.run_id, {"scored": 10}, 10)
    assert made.record["judge_usage"]["calls"] == 10


def test_the_cost_of_judges_ends_a_run_and_is_remembered(make: Make) -> None:
    one = ("opinion:first", "scoring_concurrency=1")
    with pytest.raises(RunFailedError, match=r"cost \$0\.00 and judges \$0\.60, more than"):
        make(*one, max_cost=0.55)
    assert judged() == 6
    with pytest.raises(RunFailedError, match=r"judges \$0\.80, more than --max-cost 0\.75"):
        make(*one, max_cost=0.75)
    assert make(*one, max_cost=2).record["judge_usage"]["cost_usd"] == pytest.approx(1.0)


def test_a_score_that_is_taken_over_costs_nothing(make: Make) -> None:
    make()
    again = make(name="again")

    assert judged() == 10
    assert "judge_usage" not in again.record
    assert len(calls(again)) == 10  # what was asked for it then is still to be seen


def test_a_complete_run_is_judged_again_by_another_model_alone(make: Make, bench: Any) -> None:
    first = make()
    told = bench.cli(
        *("rescore", first.run_id, "--plugin", PACK, "--judge", "opinion:second"),
        *("-o", "auxiliary_providers.judge.kwargs.reply=no"),
    )
    assert told.code == 0, told.err
    second = next(run for run in Store("results").runs() if run.run_id != first.run_id)

    assert (judged(), second.scores()[0].value) == (20, 0.0)
    with pytest.raises(UsageError, match=r"judges \(model judge\) differ: first against second"):
        compare(first, second)
    found = compare(first, second, allow_different=["judge"])
    assert any("first against second (allowed)" in note for note in found.notes)


def test_a_judge_decides_nothing_where_none_is_asked(bench: Any) -> None:
    runs = [
        bench.evaluate("sums", limit=10, judge=judge, plugin=[PACK])
        for judge in ("opinion:first", "opinion:second")
    ]

    assert not any("judges" in note for note in compare(*runs).notes)


def test_rescoring_changes_nothing_that_was_asked(make: Make, bench: Any) -> None:
    run = make()
    told = bench.cli("rescore", run.run_id, "--plugin", PACK, "-o", "system_prompt=Hm.")

    assert told.code == 2 and "changes what the model is asked" in told.err


def test_a_secret_that_no_record_holds_is_not_taken_from_one(make: Make, bench: Any) -> None:
    first = make("opinion:first", "auxiliary_providers.judge.kwargs.api_key=sk-of-nobody-12345")
    assert first.record["harness"]["auxiliary_providers"]["judge"]["kwargs"]["api_key"]

    told = bench.cli("rescore", first.run_id, "--plugin", PACK, "--name", "again")

    assert told.code == 0, told.err
    second = next(run for run in Store("results").runs() if run.run_id != first.run_id)
    assert "api_key" not in second.record["harness"]["auxiliary_providers"]["judge"]["kwargs"]


def test_a_judge_is_named_in_short_in_an_override(make: Make) -> None:
    run = make(None, "auxiliary_providers.judge=opinion:short")

    assert {call["model"] for call in calls(run)} == {"short"}


def test_a_judge_without_its_secrets_is_refused_before_anything_is_asked(make: Make) -> None:
    with pytest.raises(UsageError, match="the environment lacks JUDGE_KEY_OF_NOBODY"):
        make("opinion:x", "auxiliary_providers.judge.required_secrets=[JUDGE_KEY_OF_NOBODY]")
    assert not list(Store("results").runs())


def test_a_judge_in_a_folder_is_known_by_its_content(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "judge"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    first = make(f"opinion:{folder}")
    (folder / "config.json").write_text('{"trained": "on"}')
    second = make(f"opinion:{folder}")

    assert (first.run_id != second.run_id, judged()) == (True, 20)
