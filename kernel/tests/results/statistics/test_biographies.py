"""Biographies of questions whose stories are known."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from olmo_eval.results.statistics import (
    alarm,
    answer_flip_rate,
    biographies,
    bootstrapped_decision_accuracy,
    decision_accuracy,
)

ROOT = Path(__file__).resolve().parents[4]


def histories(*texts: str) -> list[list[float]]:
    return [[float("nan") if c == "." else float(c) for c in text] for text in texts]


def test_stories_without_noise_are_read_as_they_are() -> None:
    texts = ["1" * 12, "0" * 12, "000011111111", "111111110000", "010110100101"]

    found = biographies(histories(*texts * 20))

    kinds = ("always", "never", "learned", "forgotten", "coin-flip")
    assert found.kinds[:5] == kinds
    assert found.change[:5].tolist() == [-1, -1, 4, 8, -1]
    assert found.certainty[:4].min() > 0.9


def test_a_single_flip_changes_no_story() -> None:
    found = biographies(histories(*["111110111111", "000000100000", "000010111111"] * 20))

    assert found.kinds[:3] == ("always", "never", "learned")
    assert abs(found.change[2] - 5) <= 1


def test_missing_scores_say_nothing() -> None:
    found = biographies(histories(*["0000...11111", "............"] * 10))

    assert found.kinds[0] == "learned"
    assert 4 <= found.change[0] <= 7
    assert found.certainty[1] < 0.6


def test_a_measured_flip_rate_makes_changes_less_certain() -> None:
    scores = histories(*["000111", "111111", "000000"] * 10)

    assert biographies(scores, 0.2).certainty[0] < biographies(scores).certainty[0]
    assert biographies(scores, 0.2).flip_rate == pytest.approx(0.2)


@pytest.mark.parametrize("scores", [[[0.5, 1.0]], [[1.0]], [1.0, 0.0], np.empty((0, 3))])
def test_other_scores_are_refused(scores: object) -> None:
    with pytest.raises(ValueError, match="expected scores"):
        biographies(scores)  # type: ignore[arg-type]


def test_two_repeats_disagree_when_one_of_them_is_turned() -> None:
    for e in (0.0, 0.01, 0.05, 0.3):
        assert answer_flip_rate(2 * e * (1 - e)) == pytest.approx(e)


def test_simulated_changes_are_found() -> None:
    simulation = runpy.run_path(str(ROOT / "benchmarks/biographies.py"))
    rng = np.random.default_rng(3)
    mix = simulation["MIXES"]["40% of the questions change"]

    runs = [simulation["measured"](rng, 1319, 40, 0.05, mix) for _ in range(3)]

    mean = {name: np.mean([run[name] for run in runs]) for name in runs[0]}
    assert mean["true changes within one checkpoint"] >= 0.9
    assert mean["false among the unchanged"] <= 0.05
    assert mean["false among the named"] <= 0.05
    assert mean["estimated flip rate"] == pytest.approx(0.05, abs=0.005)
    assert mean["mean certainty of the named"] == pytest.approx(
        1 - mean["false among the named"], abs=0.02
    )


def test_decision_accuracy_of_redrawn_models() -> None:
    small, target = [1.0, 2.0, 3.0, 4.0, 5.0], [1.1, 2.4, 2.2, 4.0, 5.0]

    found = bootstrapped_decision_accuracy(small, target)

    assert found.value == decision_accuracy(small, target) == pytest.approx(0.9)
    assert 0.3 < found.ci_low < 0.9 <= found.ci_high == 1.0
    with pytest.raises(ValueError, match="3 models"):
        bootstrapped_decision_accuracy([1.0, 2.0], [1.0, 2.0])


def test_decision_accuracy_of_alike_orders_is_certain() -> None:
    found = bootstrapped_decision_accuracy([1.0, 2.0, 3.0], [10.0, 20.0, 30.0])

    assert (found.value, found.ci_low, found.ci_high) == (1.0, 1.0, 1.0)


def test_learning_that_slows_down_is_no_alarm() -> None:
    scores = [0.1, 0.3, 0.5, 0.65, 0.75, 0.78, 0.78, 0.78]

    found = [alarm(range(i), scores[:i]) for i in range(5, 9)]

    assert not any(one is None or one.raised for one in found)


def test_a_run_that_never_moved_is_judged_by_the_noise_that_repeats_have() -> None:
    scores = [1.0, 1.0, 1.0, 1.0, 0.9]

    assert alarm(range(5), scores) is None
    found = alarm(range(5), scores, noise=0.005)
    assert found is not None and found.raised
    assert not alarm(range(5), scores, noise=0.1).raised  # type: ignore[union-attr]
