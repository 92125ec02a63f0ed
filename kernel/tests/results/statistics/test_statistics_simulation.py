"""Simulated error rates and coverage at n = 20, 164 and 1,319: seeded, within Monte Carlo error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from olmo_eval.results import statistics as st

SIZES = [20, 164, 1319]
REPEATS = 1_000


def monte_carlo_error(rate: float, repeats: int) -> float:
    """3.5 standard errors of a simulated rate: a seeded test that a right method passes."""
    return 3.5 * math.sqrt(rate * (1 - rate) / repeats)


def contains(found, truth: float) -> bool:
    return found.ci_low <= truth <= found.ci_high


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_wilson_coverage(n, rate):
    counts = np.random.default_rng(n).binomial(n, rate, 4 * REPEATS)
    inside = [low <= rate <= high for low, high in (st.wilson_interval(int(c), n) for c in counts)]
    assert abs(np.mean(inside) - 0.95) < 0.012 + monte_carlo_error(0.05, 4 * REPEATS)


@pytest.mark.parametrize("n", SIZES)
def test_clopper_pearson_coverage_is_never_below_nominal(n):
    counts = np.random.default_rng(n).binomial(n, 0.7, REPEATS)
    limits = [st.clopper_pearson_interval(int(c), n) for c in counts]
    inside = np.mean([low <= 0.7 <= high for low, high in limits])
    assert inside > 0.95 - monte_carlo_error(0.05, REPEATS)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("difference", [0.0, 0.06])
def test_exact_mcnemar_rate_and_coverage(n, difference):
    shares = [0.1 + difference / 2, 0.1 - difference / 2, 0.8]
    cells = np.random.default_rng(n).multinomial(n, shares, REPEATS)
    rejected, covered = [], []
    for wins, losses, _ in cells.tolist():
        rejected.append(st.mcnemar_exact(wins, losses) <= 0.05)
        low, high = st.mcnemar_interval(wins, losses, n)
        covered.append(low <= difference <= high)
    assert np.mean(covered) > 0.95 - monte_carlo_error(0.05, REPEATS)
    if difference == 0:
        assert np.mean(rejected) < 0.05 + monte_carlo_error(0.05, REPEATS)


@pytest.mark.parametrize("n", SIZES)
def test_sign_flip_rate_and_coverage(n):
    rng, repeats = np.random.default_rng(n), REPEATS // 2
    zeros = np.zeros(n)
    found = [st.compare_scores(zeros, rng.normal(0, 0.3, n), seed=i) for i in range(repeats)]
    rejected = np.mean([verdict.p_value <= 0.05 for verdict in found])
    assert abs(rejected - 0.05) < monte_carlo_error(0.05, repeats)
    assert np.mean([contains(verdict, 0) for verdict in found]) == 1 - rejected


@pytest.mark.parametrize("n", [164, 1319])
def test_clustered_rate_is_right_where_ignoring_clusters_is_not(n):
    rng, repeats = np.random.default_rng(n), REPEATS // 2
    clusters = np.arange(n) // 5
    kept, ignored, covered = [], [], []
    for seed in range(repeats):
        d = rng.normal(0, 0.3, clusters[-1] + 1)[clusters] + rng.normal(0, 0.3, n)
        verdict = st.compare_scores(np.zeros(n), d, clusters=clusters, seed=seed)
        kept.append(verdict.p_value <= 0.05)
        covered.append(contains(st.paired_difference(np.zeros(n), d, clusters), 0))
        ignored.append(not contains(st.paired_difference(np.zeros(n), d), 0))
    assert abs(np.mean(kept) - 0.05) < monte_carlo_error(0.05, repeats)
    assert abs(np.mean(covered) - 0.95) < monte_carlo_error(0.05, repeats)
    assert np.mean(ignored) > 0.15


@pytest.mark.parametrize("n", SIZES)
def test_ratio_coverage(n):
    rng = np.random.default_rng(n)
    covered = []
    for _ in range(REPEATS):
        size = rng.integers(100, 1000, n)
        covered.append(contains(st.ratio_estimate(size * rng.normal(0.8, 0.1, n), size), 0.8))
    assert abs(np.mean(covered) - 0.95) < 0.01 + monte_carlo_error(0.05, REPEATS)


@pytest.mark.parametrize("sizes", [[20] * 8, [164] * 8, [20, 164, 1319]])
def test_macro_difference_rate(sizes):
    rng = np.random.default_rng(len(sizes))
    rejected = []
    for _ in range(REPEATS // 2):
        tasks = []
        for n in sizes:
            change = np.repeat([1.0, -1.0, 0.0], rng.multinomial(n, [0.1, 0.1, 0.8]))
            tasks.append(st.compare_scores(change < 0, change > 0))
        rejected.append(st.macro_verdict(tasks).p_value <= 0.05)
    assert abs(np.mean(rejected) - 0.05) < monte_carlo_error(0.05, REPEATS // 2)


def test_holm_keeps_the_family_wise_error_rate():
    rng, families = np.random.default_rng(9), REPEATS
    p = np.sort(rng.random((families, 20)), axis=1)
    rejected = np.mean([st.holm(row).min() <= 0.05 for row in p])
    assert abs(rejected - 0.05) < monte_carlo_error(0.05, families)


def test_tost_error_rate_at_the_margin():
    rng, n = np.random.default_rng(10), 200
    claims = []
    for _ in range(REPEATS):
        found = st.paired_difference(np.zeros(n), rng.normal(0.1, 1, n))
        claims.append(st.tost(found.value, found.stderr, found.df, 0.1).equivalent)
    assert np.mean(claims) < 0.05 + monte_carlo_error(0.05, REPEATS)


def test_peeking_needs_an_anytime_valid_test():
    """Looking every 10 items up to 1,319, at 15 % discordance and no difference."""
    rng, n = np.random.default_rng(11), 1319
    d = rng.choice([1.0, -1.0, 0.0], p=[0.075, 0.075, 0.85], size=(REPEATS, n))
    wins, losses = np.cumsum(d > 0, axis=1), np.cumsum(d < 0, axis=1)
    looks = np.arange(29, n, 10)
    t = looks + 1
    mean = (wins - losses)[:, looks] / t
    spread = np.sqrt(((wins + losses)[:, looks] / t - mean**2) / t)
    naive = (np.abs(mean) > 1.96 * spread).any(axis=1).mean()
    anytime = (st.log_e_value(wins, losses)[:, looks] >= math.log(20)).any(axis=1).mean()
    bands = [st.confidence_sequence(row, planned_n=n) for row in d[:300]]
    missed = np.mean([bool(((low > 0) | (high < 0)).any()) for low, high in bands])
    assert naive > 0.3
    assert anytime < 0.05
    assert missed < 0.05


def test_the_predicted_detectable_effect_is_detected_four_times_in_five():
    n, discordance = 1319, 0.2
    effect = st.paired_binary_mde(n, discordance)
    shares = [(discordance + effect) / 2, (discordance - effect) / 2, 1 - discordance]
    cells = np.random.default_rng(12).multinomial(n, shares, REPEATS)
    power = np.mean([st.mcnemar_exact(w, lost) <= 0.05 for w, lost, _ in cells.tolist()])
    assert power == pytest.approx(0.8, abs=0.04 + monte_carlo_error(0.2, REPEATS))


def test_bootstrap_coverage():
    rng = np.random.default_rng(13)
    covered = []
    for seed in range(300):
        found = st.paired_bootstrap(np.zeros(40), rng.normal(0, 1, 40), draws=500, seed=seed)
        covered.append(found.ci_low <= 0 <= found.ci_high)
    assert abs(np.mean(covered) - 0.95) < 0.02 + monte_carlo_error(0.05, 300)
