"""The mistakes seen in published systems, each with the test that would catch it here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from olmo_eval.results import statistics as st


def test_a_bootstrap_error_is_the_spread_of_the_replicates_not_divided_by_their_number():
    rng = np.random.default_rng(1)
    a, b = rng.random(300), rng.random(300)
    found = st.paired_bootstrap(a, b, draws=1_000)
    assert found.stderr == pytest.approx(st.paired_difference(a, b).stderr, rel=0.1)


def test_one_win_to_none_is_no_evidence():
    assert st.mcnemar_exact(1, 0) == 1.0
    verdict = st.compare_scores([0, 1, 1, 0], [1, 1, 1, 0])
    assert (verdict.kind, verdict.p_value, verdict.wins, verdict.losses) == ("undecided", 1.0, 1, 0)
    assert verdict.ci_low <= 0 <= verdict.ci_high


@pytest.mark.parametrize(("n", "discordance"), [(30, 0.05), (50, 0.1), (164, 0.05)])
def test_few_discordant_items_do_not_make_false_positives(n, discordance):
    cells = np.random.default_rng(2).multinomial(n, [discordance / 2] * 2 + [1 - discordance], 4000)
    rejected = np.mean([st.mcnemar_exact(int(w), int(lo)) <= 0.05 for w, lo, _ in cells])
    assert rejected <= 0.05


def test_a_suite_does_not_average_the_errors_of_its_tasks():
    rng = np.random.default_rng(3)
    tasks = [st.estimate(rng.random(100)) for _ in range(16)]
    macro = st.macro_estimate(tasks)
    by_hand = math.sqrt(sum(t.stderr**2 for t in tasks)) / 16
    assert macro.stderr == pytest.approx(by_hand, rel=1e-12)
    assert macro.stderr < np.mean([t.stderr for t in tasks]) / 3.9


def test_paired_data_get_a_paired_test():
    a = np.repeat([1.0, 1.0, 0.0, 0.0], [80, 5, 19, 60])
    b = np.repeat([1.0, 0.0, 1.0, 0.0], [80, 5, 19, 60])
    spread = math.sqrt(a.var(ddof=1) / 164 + b.var(ddof=1) / 164)
    unpaired = 2 * stats.norm.sf((b - a).mean() / spread)
    verdict = st.compare_scores(a, b)
    assert unpaired > 0.1
    assert verdict.kind == "better"
    assert verdict.p_value < 0.01


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_a_missing_score_is_refused_by_its_index_not_dropped_and_not_zero(missing):
    scores = [0.0, 1.0, missing, 1.0]
    with pytest.raises(ValueError, match=r"scores\[2\]"):
        st.estimate(scores)
    with pytest.raises(ValueError, match=r"b\[2\]"):
        st.compare_scores([0.0, 1.0, 1.0, 1.0], scores)
    with pytest.raises(ValueError, match=r"numerators\[2\]"):
        st.ratio_estimate(scores, [1, 1, 1, 1])


def test_missing_items_widen_the_score_into_bounds():
    assert st.score_bounds(0.5, 80, 100) == st.Bounds(0.4, 0.6)
    perfect_looking_bits = st.score_bounds(0.8, 80, 100, (0.0, None))
    assert perfect_looking_bits == st.Bounds(0.64, None)


def test_items_are_never_paired_by_position_among_the_successful():
    complete, one_failed = np.ones(100), np.ones(99)
    with pytest.raises(ValueError, match="same items on both sides: a has 100, b has 99"):
        st.compare_scores(complete, one_failed)


def test_noise_within_a_run_does_not_contain_the_signal_between_runs():
    rng = np.random.default_rng(5)
    levels = np.linspace(0.3, 0.7, 9)
    runs = [level + rng.normal(0, 0.005, 30) for level in levels]
    flattened = np.ptp(levels) / np.concatenate(runs).std(ddof=1)
    found = st.signal_to_noise([run[-1] for run in runs], runs, last=30)
    assert flattened < 4
    assert found.ratio > 50
    assert found.noise == pytest.approx(
        np.mean([run.std(ddof=1) / run.mean() for run in runs]), rel=1e-12
    )


def test_a_macro_average_is_tested_as_a_macro_average():
    rng = np.random.default_rng(6)
    small_a, large_a = rng.random(100), rng.random(10_000)
    small_b = small_a + rng.normal(0.3, 0.1, 100)
    large_b = large_a - rng.normal(0.01, 0.1, 10_000)
    tasks = [st.compare_scores(small_a, small_b), st.compare_scores(large_a, large_b)]
    macro = st.macro_verdict(tasks)
    micro = st.micro_verdict([small_a, large_a], [small_b, large_b])
    assert macro.difference == pytest.approx(np.mean([t.difference for t in tasks]))
    assert (macro.kind, micro.kind) == ("better", "worse")


def test_the_best_of_many_equal_runs_is_not_better_than_the_rest():
    rng = np.random.default_rng(17)
    baseline = (rng.random(500) < 0.6).astype(float)
    runs = [np.where(rng.random(500) < 0.2, rng.random(500) < 0.6, baseline) for _ in range(40)]
    verdicts = st.adjust([st.compare_scores(baseline, run) for run in runs])
    assert min(v.p_value for v in verdicts) < 0.05
    assert {v.kind for v in verdicts} == {"undecided"}


def test_a_perfect_score_is_not_certain():
    found = st.estimate(np.ones(20))
    assert found.stderr > 0
    assert found.ci_low == pytest.approx(0.8389, abs=1e-4)
    same = st.compare_scores(np.ones(20), np.ones(20))
    assert same.stderr > 0
    assert same.ci_low < 0 < same.ci_high


def test_samples_of_one_item_do_not_count_as_items():
    rng = np.random.default_rng(8)
    chance = rng.random(200)
    samples = (rng.random((200, 16)) < chance[:, None]).astype(float)
    found = st.estimate_samples(samples)
    assert found.n == 200
    assert found.stderr > 2 * st.estimate(samples.ravel()).stderr
    parts = st.variance_components(samples)
    assert parts.stderr() == pytest.approx(found.stderr, rel=1e-9)
