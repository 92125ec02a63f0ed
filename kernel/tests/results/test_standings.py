"""The questions behind a comparison: how each stands, parts by metadata, histories, baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from olmo_eval import compare
from olmo_eval.results.baseline import previous_run
from olmo_eval.results.divided import divided_by, division_keys, part_verdicts
from olmo_eval.results.standings import STANDINGS, standings
from olmo_eval.results.store import Run, Store
from olmo_eval.results.tracking.histories import histories_of


def _made(bench: Any, seed: int, skill: float, **more: Any) -> Run:
    run: Run = bench.evaluate("sums", mock_seed=seed, skill=skill, group="g", **more)
    return run


def test_every_question_stands_somewhere_and_the_counts_are_the_verdicts(bench: Any) -> None:
    a, b = _made(bench, 1, 0.4, step=1), _made(bench, 2, 0.7, step=2)
    (task,) = compare(a, b).tasks

    found = standings(a, b, "sums")

    counts = found.counts()
    assert tuple(counts) == STANDINGS and sum(counts.values()) == 40
    assert (counts["improved"], counts["regressed"]) == (task.verdict.wins, task.verdict.losses)
    assert counts["both_right"] + counts["both_wrong"] == task.verdict.ties
    whole = found.verdict(np.ones(40, bool))
    assert whole is not None and whole.difference == task.verdict.difference
    assert found.verdict(np.zeros(40, bool)) is None


def test_what_one_run_lacks_is_missing_and_named_by_the_run_that_has_it(bench: Any) -> None:
    a, b = _made(bench, 1, 0.5, step=1, limit=30), _made(bench, 2, 0.5, step=2, limit=20)

    for left, right, lacks in ((a, b, "row_b"), (b, a, "row_a")):
        table = standings(left, right, "sums").table
        rows = table.to_pylist()
        missing = [row for row in rows if row["standing"] == "missing"]
        assert len(rows) == 30 and len(missing) == 10
        assert all(row[lacks] is None and row["gain"] is None for row in missing)
        ids = left.instances("sums", ["instance_id"]).column(0).to_pylist()
        known = [row for row in rows if row["row_a"] is not None]
        assert [ids[row["row_a"]] for row in known] == [row["instance_id"] for row in known]


def test_parts_divide_the_questions_and_are_adjusted_together(bench: Any) -> None:
    a, b = _made(bench, 1, 0.3, step=1), _made(bench, 2, 0.9, step=2)
    found = standings(a, b, "sums")

    assert division_keys(found, a) == ["cluster"]
    divided = divided_by(found, a, b, "cluster")
    parts = part_verdicts(found, divided)

    assert sum(part.n for part in parts) == 40 and {part.n for part in parts} == {4}
    assert all(part.verdict and part.verdict.family == 10 for part in parts)
    wins = sum(part.verdict.wins for part in parts if part.verdict)
    assert wins == found.counts()["improved"]


def test_a_history_has_each_checkpoints_own_score(bench: Any) -> None:
    runs = [_made(bench, step, 0.5, step=step) for step in (1, 2, 3)]
    store = Store("results")

    found = histories_of(store, runs[1], "sums")

    assert found is not None and found.places == (1, 2, 3)
    for run, column in zip(runs, found.scores.T, strict=True):
        rows = {r["instance_id"]: r["values"]["accuracy:exact_match"] for r in run.rows("sums")}
        assert [rows[name] for name in found.ids.to_pylist()] == column.tolist()
    name = found.ids[0].as_py()
    assert found.of(name) == tuple(found.scores[0])
    assert found.of("nobody") == (None, None, None)
    back = found.steadiness(runs[1], later=False)
    assert back is not None
    same = found.scores[:, 0] == found.scores[:, 1]
    assert back.tolist() == np.where(same, 2, 1).tolist()


def test_rows_are_read_by_their_places(bench: Any) -> None:
    run = _made(bench, 1, 0.5, step=1)
    rows = list(run.rows("sums"))

    found = run.rows_at("sums", [3, 17], ["question", "outputs"])

    assert found == [{k: rows[i][k] for k in ("question", "outputs")} for i in (3, 17)]


@pytest.mark.parametrize("steps", [(1, 2, 3), (3, 1, 2)])
def test_the_run_before_is_that_of_the_checkpoint_before(
    bench: Any, steps: tuple[int, ...]
) -> None:
    runs = {step: _made(bench, step, 0.5, step=step) for step in steps}
    store = Store("results")

    assert previous_run(store, runs[1]) is None
    assert previous_run(store, runs[3]) == runs[2]
