"""Every formula against scipy.stats or statsmodels, to 1e-9."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize, stats

from olmo_eval.results import statistics as st
from olmo_eval.results.statistics.mcnemar import paired_binary_equivalence, paired_score_statistic

EXACT = {"rel": 1e-9, "abs": 1e-12}
COUNTS = [(0, 1), (1, 1), (0, 20), (20, 20), (7, 20), (97, 164), (163, 164), (660, 1319)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.mark.parametrize(("successes", "n"), COUNTS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_proportion_intervals(successes, n, confidence):
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for ours, method in [
        (st.wilson_interval(successes, n, confidence), "wilson"),
        (st.clopper_pearson_interval(successes, n, confidence), "beta"),
    ]:
        theirs = proportion.proportion_confint(successes, n, 1 - confidence, method)
        assert ours == pytest.approx(theirs, **EXACT)


@pytest.mark.parametrize("n", [2, 20, 164, 1319])
def test_mean_and_t_interval(rng, n):
    scores = rng.gamma(2.0, size=n)
    found = st.estimate(scores)
    theirs = stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(scores.mean(), **EXACT)
    assert found.stderr == pytest.approx(stats.sem(scores), **EXACT)
    assert (found.ci_low, found.ci_high) == pytest.approx(theirs, **EXACT)
    assert found.mde == pytest.approx(
        (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * stats.sem(scores), **EXACT
    )


def test_clustered_error_is_the_cluster_robust_error_of_a_regression_on_a_constant(rng):
    sm = pytest.importorskip("statsmodels.api")
    clusters = rng.integers(0, 30, 400)
    scores = rng.normal(size=30)[clusters] + rng.normal(size=400)
    options = {"groups": clusters, "use_correction": True, "df_correction": True}
    model = sm.OLS(scores, np.ones(400)).fit(cov_type="cluster", cov_kwds=options, use_t=True)
    found = st.estimate(scores, clusters)
    assert (found.n, found.n_clusters, found.df) == (400, 30, 29)
    assert found.stderr == pytest.approx(model.bse[0], **EXACT)
    assert (found.ci_low, found.ci_high) == pytest.approx(model.conf_int()[0], **EXACT)
    other = scores + rng.normal(0.1, 1, size=400)
    paired = sm.OLS(other - scores, np.ones(400)).fit(
        cov_type="cluster", cov_kwds=options, use_t=True
    )
    difference = st.paired_difference(scores, other, clusters)
    assert difference.stderr == pytest.approx(paired.bse[0], **EXACT)
    assert st.t_test(difference) == pytest.approx(paired.pvalues[0], **EXACT)


def test_ratio_error_is_the_robust_error_of_a_weighted_regression(rng):
    sm = pytest.importorskip("statsmodels.api")
    size, clusters = rng.integers(20, 900, 200).astype(float), rng.integers(0, 25, 200)
    bits = size * rng.normal(0.8, 0.1, 200)
    alone = sm.WLS(bits / size, np.ones(200), weights=size).fit(cov_type="HC1")
    assert st.ratio_estimate(bits, size).value == pytest.approx(bits.sum() / size.sum(), **EXACT)
    assert st.ratio_estimate(bits, size).stderr == pytest.approx(alone.bse[0], **EXACT)
    grouped = sm.WLS(bits / size, np.ones(200), weights=size).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}
    )
    found = st.ratio_estimate(bits, size, clusters)
    assert found.stderr == pytest.approx(grouped.bse[0], **EXACT)


def test_paired_t(rng):
    a = rng.normal(size=50)
    b = a + rng.normal(0.2, 1, size=50)
    theirs = stats.ttest_rel(b, a)
    found = st.paired_difference(a, b)
    assert st.t_test(found) == pytest.approx(theirs.pvalue, **EXACT)
    assert (found.ci_low, found.ci_high) == pytest.approx(theirs.confidence_interval(), **EXACT)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (6, 0), (12, 4), (9, 9), (700, 612)])
def test_mcnemar(wins, losses):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    theirs = tables.mcnemar([[5, wins], [losses, 5]], exact=True).pvalue if wins else 1.0
    assert st.mcnemar_exact(wins, losses) == pytest.approx(theirs, **EXACT)
    k, m = min(wins, losses), wins + losses
    mid = 2 * (stats.binom.cdf(k - 1, m, 0.5) + stats.binom.pmf(k, m, 0.5) / 2)
    assert st.mcnemar_midp(wins, losses) == pytest.approx(min(1.0, mid), **EXACT)


@pytest.mark.parametrize(("wins", "losses", "n"), [(4, 12, 30), (0, 3, 20), (43, 20, 164)])
def test_tango_interval_solves_the_score_equation(wins, losses, n):
    low, high = st.tango_interval(wins, losses, n)
    z = stats.norm.ppf(0.975)
    assert paired_score_statistic(wins, losses, n, low) == pytest.approx(z, abs=1e-9)
    assert paired_score_statistic(wins, losses, n, high) == pytest.approx(-z, abs=1e-9)

    def unlikelihood(q: float) -> float:
        rest = 1 - 2 * q - low
        return -(wins * np.log(q + low) + losses * np.log(q) + (n - wins - losses) * np.log(rest))

    limits = (max(0.0, -low) + 1e-12, (1 - low) / 2 - 1e-12)
    q = optimize.minimize_scalar(
        unlikelihood, bounds=limits, method="bounded", options={"xatol": 1e-12}
    )
    variance = n * (2 * q.x + low * (1 - low))
    assert (wins - losses - n * low) / np.sqrt(variance) == pytest.approx(z, abs=1e-5)


def test_tango_interval_without_discordant_items_has_a_closed_form():
    z2 = stats.norm.ppf(0.975) ** 2
    expected = z2 / (50 + z2)
    assert st.tango_interval(0, 0, 50) == pytest.approx((-expected, expected), abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 6, 9, 12])
def test_sign_flip_is_the_exact_permutation_test(rng, size):
    d = rng.normal(0.4, 1, size).round(1)
    theirs = (
        stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        if size > 1
        else None
    )
    flips = st.sign_flips(st.paired_totals(np.zeros(size), d))
    assert flips.exact
    assert flips.p_value() == pytest.approx(theirs.pvalue if theirs else 1.0, **EXACT)


def test_sign_flip_interval_holds_the_differences_that_the_exact_test_keeps(rng):
    clusters = np.repeat(np.arange(9), [1, 2, 3, 1, 2, 3, 1, 2, 3])
    d = rng.normal(0.5, 1, clusters.size)
    totals = st.paired_totals(np.zeros(d.size), d, clusters)
    low, high = st.sign_flips(totals).interval(0.9)
    signs = np.array(list(itertools.product([1, -1], repeat=9)))

    def p_value(null: float) -> float:
        shifted = totals.sums - null * totals.weights
        return float(np.mean(np.abs(signs @ shifted) >= abs(shifted.sum()) - 1e-12))

    for inside in (low + 1e-9, high - 1e-9, totals.ratio):
        assert p_value(inside) > 0.1
    for outside in (low - 1e-9, high + 1e-9):
        assert p_value(outside) <= 0.1


def test_holm_and_benjamini_hochberg(rng):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.concatenate([rng.random(40), rng.random(20) ** 6, [0.02, 0.02, 1.0]])
    for ours, name in [(st.holm(p), "holm"), (st.benjamini_hochberg(p), "fdr_bh")]:
        assert ours == pytest.approx(multitest.multipletests(p, method=name)[1], **EXACT)


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.6])
def test_tost(rng, margin):
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    a = rng.normal(size=80)
    b = a + rng.normal(0.05, 0.4, size=80)
    theirs, low, high = weightstats.ttost_paired(b, a, -margin, margin)
    found = st.paired_difference(a, b)
    ours = st.tost(found.value, found.stderr, found.df, margin)
    assert ours.p_value == pytest.approx(theirs, **EXACT)
    assert (ours.p_low, ours.p_high) == pytest.approx((low[1], high[1]), **EXACT)
    inside = -margin < ours.ci_low and ours.ci_high < margin
    assert ours.equivalent is inside


def test_binary_equivalence_agrees_with_the_ninety_percent_score_interval():
    low, high = st.tango_interval(20, 17, 400, 0.9)
    edge = max(-low, high)
    assert paired_binary_equivalence(20, 17, 400, edge) == pytest.approx(0.05, abs=1e-9)


def test_macro_average_of_two_tasks_is_the_welch_test(rng):
    first, second = rng.normal(0.3, 1, 25), rng.normal(0, 3, 40)
    theirs = stats.ttest_ind(first, second, equal_var=False)
    tasks = [st.estimate(first), st.estimate(-second)]
    macro = st.macro_estimate(tasks)
    assert st.t_test(macro) == pytest.approx(theirs.pvalue, **EXACT)
    assert macro.df == pytest.approx(theirs.df, **EXACT)
    limits = np.array(theirs.confidence_interval()) / 2
    assert (macro.ci_low, macro.ci_high) == pytest.approx(tuple(limits), **EXACT)


def test_trend_and_alarm(rng):
    sm = pytest.importorskip("statsmodels.api")
    steps = np.arange(12.0) * 1000
    scores = 0.4 + 1e-5 * steps + rng.normal(0, 0.01, 12)
    theirs = stats.linregress(steps[:-1], scores[:-1])
    line = st.trend(steps[:-1], scores[:-1])
    assert (line.slope, line.intercept) == pytest.approx((theirs.slope, theirs.intercept), **EXACT)
    assert (line.stderr, line.p_value) == pytest.approx((theirs.stderr, theirs.pvalue), **EXACT)
    model = sm.OLS(scores[:-1], sm.add_constant(steps[:-1])).fit()
    predicted = model.get_prediction([1.0, steps[-1]]).summary_frame(alpha=0.02).iloc[0]
    found = st.alarm(steps, scores, window=11, alpha=0.01)
    assert (found.ci_low, found.ci_high) == pytest.approx(
        (predicted["obs_ci_lower"], predicted["obs_ci_upper"]), **EXACT
    )


def test_e_value_is_the_ratio_of_a_beta_binomial_to_a_fair_coin():
    for wins, losses in [(0, 0), (3, 1), (40, 12)]:
        m = wins + losses
        mixture = stats.betabinom.logpmf(wins, m, 5, 5)
        fair = stats.binom.logpmf(wins, m, 0.5)
        assert float(st.log_e_value(wins, losses)) == pytest.approx(mixture - fair, abs=1e-9)


def test_pass_at_k_counts_the_failing_draws():
    for total, correct, k in [(10, 3, 1), (10, 3, 5), (10, 0, 2), (10, 9, 2), (200, 17, 100)]:
        failing = stats.hypergeom.pmf(0, total, correct, k)
        found = st.pass_at_k(total, [correct], k)[0]
        assert found == pytest.approx(1 - failing, **EXACT)


def test_bootstrap_agrees_with_scipy(rng):
    a = rng.normal(size=60)
    b = a + rng.exponential(1, size=60) - 0.7
    theirs = stats.bootstrap((b - a,), np.mean, n_resamples=20_000, method="BCa", rng=3)
    ours = st.paired_bootstrap(a, b, draws=20_000, seed=4)
    assert ours.method == "BCa bootstrap"
    assert ours.stderr == pytest.approx(theirs.standard_error, rel=0.03)
    limits = tuple(theirs.confidence_interval)
    assert (ours.ci_low, ours.ci_high) == pytest.approx(limits, abs=0.05 * ours.stderr * 4)
