"""Which questions no run and every run solves; a missing score is neither."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from olmo_eval.results.difficulty import SOLVED, Difficulty

_NONE = math.nan


def _of(scores: list[list[float]], *, higher: bool = True) -> Difficulty:
    ids = pa.array([f"q{i}" for i in range(len(scores))])
    metric = {"key": "accuracy:exact_match", "higher_is_better": higher}
    return Difficulty("sums", metric, (), ids, np.array(scores), ())


def test_a_question_is_always_solved_only_where_every_run_has_a_score() -> None:
    found = _of([[0, 0], [1, 1], [0, 1], [1, _NONE], [0, _NONE], [_NONE, _NONE]])

    told = [SOLVED[code] for code in found.solved()]
    assert told == ["never", "always", "sometimes", "missing", "missing", "missing"]
    assert found.counts() == {"never": 1, "sometimes": 1, "always": 1, "missing": 3}


def test_what_is_known_to_differ_tells_runs_apart_whatever_is_missing() -> None:
    assert SOLVED[_of([[0, 1, _NONE]]).solved()[0]] == "sometimes"


def test_the_hardest_come_first_and_those_without_a_score_last() -> None:
    scores = [[1.0, 1.0], [_NONE, _NONE], [0.2, 0.4], [0.5, _NONE]]

    assert _of(scores).hardest().tolist() == [2, 3, 0, 1]
    assert _of(scores, higher=False).hardest().tolist() == [0, 3, 2, 1]


def test_questions_that_are_more_than_right_or_wrong_are_never_called_solved() -> None:
    assert _of([[0.3, 0.3], [0.5, _NONE]]).counts() == {
        "never": 0, "sometimes": 1, "always": 0, "missing": 1,
    }  # fmt: skip
