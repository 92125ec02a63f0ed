"""Estimates of all questions from some, with an earlier model's scores as a control variate."""

from __future__ import annotations

import numpy as np
import pytest

from olmo_eval.results.statistics import estimate
from olmo_eval.results.statistics.anchored import Anchored, anchored


def pair(rng: np.random.Generator, n: int = 600, differ: float = 0.1) -> tuple[np.ndarray, ...]:
    before = rng.random(n) < 0.6
    after = before ^ (rng.random(n) < differ)
    return before.astype(float), after.astype(float)


def found(after: np.ndarray, where: np.ndarray, before: np.ndarray, **more: object) -> Anchored:
    made = anchored(after[where], where, before, **more)  # type: ignore[arg-type]
    assert made is not None
    return made


def test_binary_scores_are_weighed_as_the_anchor_divides_all_questions() -> None:
    before = np.repeat([1.0, 0.0], [60, 40])
    where = np.r_[0:20, 60:80]  # half of each, though 60% of all were right
    after = before.copy()
    after[[0, 1, 60]] = 1 - after[[0, 1, 60]]

    made = found(after, where, before)

    assert made.estimate.value == pytest.approx(0.6 * 18 / 20 + 0.4 * 1 / 20)
    assert (made.estimate.n, made.n_all) == (40, 100)
    assert made.all_low < made.estimate.value < made.all_high
    assert made.estimate.ci_low < made.all_low and made.all_high < made.estimate.ci_high


def test_it_is_unbiased_covers_and_saves_variance() -> None:
    rng = np.random.default_rng(0)
    errors, alone, covered = [], [], 0
    for _ in range(400):
        before, after = pair(rng)
        where = rng.choice(600, 150, replace=False)
        made = found(after, where, before)
        errors.append(made.estimate.value - after.mean())
        alone.append(after[where].mean() - after.mean())
        covered += made.all_low <= after.mean() <= made.all_high
    assert abs(np.mean(errors)) < 4 * np.std(errors) / 20
    assert covered / 400 > 0.92
    assert np.var(errors) < 0.6 * np.var(alone)


def test_a_subset_on_which_both_agree_is_not_certain() -> None:
    before = np.repeat([1.0, 0.0], [50, 50])
    made = found(before, np.arange(20, 80), before)
    assert made.estimate.stderr > 0 and made.all_low < 0.5 < made.all_high


def test_an_anchor_that_tells_nothing_apart_leaves_the_mean_of_the_subset() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random(300) < 0.7).astype(float)
    where = np.arange(100)
    made = found(scores, where, np.ones(300))
    assert made.estimate.value == pytest.approx(scores[:100].mean())
    assert made.variance_saved == pytest.approx(0.0, abs=0.02)


def test_weighted_scores_are_those_of_all_bytes() -> None:
    rng = np.random.default_rng(2)
    n_bytes = rng.integers(50, 2000, 400).astype(float)
    before = 2.0 - 0.1 * np.log(n_bytes) + rng.normal(0, 0.2, 400)
    after = before - 0.1 + rng.normal(0, 0.02, 400)
    where = rng.choice(400, 100, replace=False)
    made = found(after, where, before, weights=n_bytes)
    full = float(np.average(after, weights=n_bytes))
    assert made.estimate.value == pytest.approx(full, abs=0.01)
    assert made.variance_saved > 0.8 and made.worth > 250


def test_clusters_widen_what_is_said_of_the_population() -> None:
    rng = np.random.default_rng(3)
    groups = np.arange(600) // 10
    before = (rng.random(60) < 0.5)[groups].astype(float)
    where = rng.choice(600, 200, replace=False)
    alone, clustered = (found(before, where, before, clusters=c) for c in (None, groups))
    assert clustered.estimate.stderr > 1.5 * alone.estimate.stderr
    assert clustered.all_stderr == alone.all_stderr


def test_missing_scores_of_the_anchor_say_nothing() -> None:
    rng = np.random.default_rng(4)
    before, after = pair(rng)
    holes = np.where(rng.random(600) < 0.3, np.nan, before)
    where = rng.choice(600, 200, replace=False)
    whole, partial = found(after, where, before), found(after, where, holes)
    assert 0 < partial.variance_saved < whole.variance_saved


@pytest.mark.parametrize(("n", "total"), [(29, 100), (99, 100), (100, 100)])
def test_too_few_or_nearly_all_give_none(n: int, total: int) -> None:
    rng = np.random.default_rng(5)
    before, after = pair(rng, total)
    assert anchored(after[:n], np.arange(n), before) is None


def test_scores_without_variation_about_the_anchor_give_none() -> None:
    before = np.linspace(0.0, 3.0, 100)
    assert anchored(before[:50] + 1, np.arange(50), before) is None


def test_places_must_be_different_questions() -> None:
    with pytest.raises(ValueError, match="a different question"):
        anchored([1.0] * 40, [0] * 40, np.ones(100))


def test_without_a_correlation_it_is_close_to_a_plain_estimate() -> None:
    rng = np.random.default_rng(6)
    before, after = (rng.random((2, 20_000)) < 0.5).astype(float)
    where = np.arange(500)
    made, plain = found(after, where, before), estimate(after[where])
    assert made.estimate.stderr == pytest.approx(plain.stderr, rel=0.05)
