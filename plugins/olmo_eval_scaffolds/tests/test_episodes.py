"""Whole runs of an agent in real sandboxes: what it leaves is what its scorer looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate
from olmo_eval.errors import UsageError
from olmo_eval.plugins import fresh_manager
from olmo_eval.results.record import row_evidence, row_outputs
from olmo_eval.results.store import Run

PLUGINS = ["olmo_eval.builtins", "olmo_eval_scaffolds.plugin", "olmo_eval_sandboxes.plugin"]
WORKSHOP = Path(__file__).parent / "workshop.py"
SUM = "ls > seen.txt; awk '{s += $1} END {print s}' numbers.txt > answer.txt; cat seen.txt"
PARALLEL = {
    "tool_calls": [
        {"name": "bash", "arguments": {"command": SUM}},
        {"name": "python", "arguments": {"code": "print(6 * 7)"}},
    ]
}


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with fresh_manager(PLUGINS):
        yield


def run(
    task: str,
    *,
    replies: Any = (PARALLEL, "10"),
    model: str = "mock",
    pack: Path = WORKSHOP,
    **settings: Any,
) -> Run:
    """A run of ``task`` by the preset ``bash_agent``, with a model that says ``replies``."""
    harness = {
        "scaffold": "tool_loop",
        "tools": ["bash", "python"],
        "max_turns": 4,
        "sandboxes": [{"mode": "local", "unsafe_local": True, "instances": 2}],
        **settings.pop("harness", {}),
    }
    if model == "mock":
        harness["provider"] = {"kwargs": {"replies": list(replies)}}
    return evaluate(model, task, harness=harness, plugin=[str(pack)], **settings)


def rows(run: Run, task: str) -> list[dict[str, Any]]:
    return run.instances(task).to_pylist()  # type: ignore[no-any-return]


def test_a_scorer_looks_at_what_the_agent_left() -> None:
    done = run("left_sums")

    for row, total in zip(rows(done, "left_sums"), (6, 10, 15), strict=True):
        assert row["outcome"] == "scored", row["error"]
        assert row["scores"] == {"left": [1.0], "clean": [1.0]}
        (output,), (evidence,) = row_outputs(row), row_evidence(row)
        assert evidence["left"] == {"answer": str(total), "printed": "passed"}
        assert output.trajectory is not None
        (turn, last) = output.trajectory.turns
        seen, product = (result.content for result in turn.tool_results)
        # the checker came later, and nothing came from anybody else
        assert seen.split() == ["limit.txt", "numbers.txt", "ready", "seen.txt"]
        assert (product, last.text) == ("42", "10")
    assert done.record["status"] == "complete"


def test_the_record_of_an_episode_is_typed_and_timed() -> None:
    (row, *_) = rows(run("left_sums"), "left_sums")
    events = json.loads(row["outputs"][0]["trajectory"])["events"]

    assert [event["type"] for event in events] == [
        "note",
        "message", "tool_call", "tool_call",
        "command", "tool_result", "command", "tool_result",
        "message",
    ]  # fmt: skip
    ends = [event["start"] + (event["seconds"] or 0.0) for event in events]
    assert events[0]["start"] > 0  # times are rounded to a tenth of a millisecond
    assert all(later >= earlier - 0.001 for earlier, later in pairwise(ends))
    said = [event for event in events if event["type"] == "message"]
    assert all(event["usage"]["prompt_tokens"] > 0 for event in said)
    called = [event["call"]["id"] for event in events if event["type"] == "tool_call"]
    results = [event["result"]["call_id"] for event in events if event["type"] == "tool_result"]
    assert called == results and len(set(called)) == 2
    command = events[4]
    assert command["argv"][:2] == ["bash", "-c"] and command["exit_code"] == 0
    assert command["output"].endswith("seen.txt\n") and command["seconds"] > 0


def test_samples_are_scored_in_their_own_environments() -> None:
    harness = {"sandboxes": [{"mode": "local", "unsafe_local": True, "instances": 4}]}
    sampled = ["temperature=1.0", "num_samples=3"]
    done = run("left_sums", harness=harness, overrides=sampled)
    for row in rows(done, "left_sums"):
        assert row["scores"] == {"left": [1.0] * 3, "clean": [1.0] * 3}, row["error"]

    with pytest.raises(UsageError, match=r"'left_sums\[.*\]' keeps 4 sandboxes of one instance"):
        run("left_sums", overrides=sampled)


def test_an_agent_that_leaves_nothing_scores_nothing() -> None:
    done = run("left_sums", replies=["It is 6."])
    assert [row["scores"]["left"] for row in rows(done, "left_sums")] == [[0.0]] * 3


def test_an_answer_whose_environment_is_gone_is_asked_for_again() -> None:
    run("left_sums")
    again = run("left_sums", name="again")
    assert not any(row["reused"] for row in rows(again, "left_sums"))
    assert all(row["scores"]["left"] == [1.0] for row in rows(again, "left_sums"))
    with pytest.raises(UsageError, match="scorer 'left' looks at the environment that an agent"):
        run("left_sums", model=f"replay:{again.run_id}")


def test_other_answers_of_an_agent_are_reused_where_its_environment_is_the_same(
    tmp_path: Path,
) -> None:
    first = run("clean_sums")
    assert [row["scores"]["clean"] for row in rows(first, "clean_sums")] == [[1.0]] * 3
    again = run("clean_sums", name="again")
    assert all(row["reused"] for row in rows(again, "clean_sums"))
    assert [row["scores"]["clean"] for row in rows(again, "clean_sums")] == [[1.0]] * 3
    hashes = {row["request_hash"] for row in rows(first, "clean_sums")}

    text = WORKSHOP.read_text()
    changes = {
        "files": text.replace("range(n + 1)))}", "range(n + 2)))}"),
        "setup": text.replace('Event("prepared")', 'Event("made ready")'),
    }
    for name, changed in changes.items():
        assert changed != text
        pack = tmp_path / name / "workshop.py"
        pack.parent.mkdir()
        pack.write_text(changed)
        with fresh_manager(PLUGINS):
            other = run("clean_sums", pack=pack, name=name)
        assert not hashes & {row["request_hash"] for row in rows(other, "clean_sums")}
        assert not any(row["reused"] for row in rows(other, "clean_sums"))


def test_one_turn_is_scored_in_an_environment_of_its_own_too() -> None:
    done = run("clean_sums", harness={"scaffold": None, "tools": []})
    assert [row["scores"]["clean"] for row in rows(done, "clean_sums")] == [[1.0]] * 3


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("imaged", "task 'imaged': sandbox backend 'local' cannot start the image 'python:3.12'"),
        ("packaged", r"task 'packaged': sandbox backend 'local' cannot install packages \(numpy\)"),
    ],
)
def test_what_the_sandbox_cannot_make_is_refused_before_the_run(task: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run(task)
    assert "use the sandbox backend docker or" in str(caught.value)
    assert not Path("results").exists()
