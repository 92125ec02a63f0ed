"""Comparisons: two models on the same items, ending in a verdict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.arrays import (
    FloatArray,
    Labels,
    cluster_codes,
    is_binary,
    paired_arrays,
    require_binary,
)
from olmo_eval.results.statistics.distributions import normal_quantile
from olmo_eval.results.statistics.equivalence import require_margin, tost
from olmo_eval.results.statistics.estimates import Estimate, totals_estimate
from olmo_eval.results.statistics.mcnemar import (
    mcnemar_exact,
    mcnemar_interval,
    paired_binary_equivalence,
)
from olmo_eval.results.statistics.paired import (
    PAIRED_RATIO,
    PAIRED_RATIO_CLUSTERED,
    ratio_totals,
    t_test,
)
from olmo_eval.results.statistics.signflip import sign_flips
from olmo_eval.results.statistics.totals import Totals, cluster_totals
from olmo_eval.results.statistics.verdict import Counts, Evidence, Verdict, judge

EXACT_MCNEMAR = "exact McNemar"
SIGN_FLIP = "sign-flip permutation"
SIGN_FLIP_CLUSTERED = "sign-flip permutation (clusters kept together)"


def compare_scores(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    clusters: Labels | None = None,
    binary: bool | None = None,
    higher_is_better: bool = True,
    margin: float | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> Verdict:
    """Verdict on candidate `b` against baseline `a`, item by item, shapes (n,), unadjusted.

    Binary scores of items that stand alone: exact McNemar. Everything else: sign-flip permutation
    of whole clusters. `margin` (in score units) asks for equivalence too. A and B must list the
    same items in the same order. Raises ValueError for mismatched lengths, missing scores (naming
    the index), empty input, a margin or alpha out of range, or non-binary scores with
    `binary=True`.
    """
    first, second = paired_arrays(a, b)
    if binary:
        require_binary(first, "a")
        require_binary(second, "b")
    require_levels(margin, alpha)
    totals = cluster_totals(second - first, cluster_codes(clusters, first.size))
    counts = _counts(second - first)
    all_binary = binary or (binary is None and is_binary(first) and is_binary(second))
    if all_binary and (not totals.clustered or counts.ties == totals.n):
        evidence = _mcnemar_evidence(totals, counts, margin, alpha)
    else:
        evidence = _sign_flip_evidence(totals, margin, alpha, seed)
    return judge(evidence, counts, totals.n_clusters, higher_is_better, margin, alpha)


def compare_ratios(
    numerators_a: npt.ArrayLike,
    numerators_b: npt.ArrayLike,
    denominators: npt.ArrayLike,
    *,
    denominators_b: npt.ArrayLike | None = None,
    clusters: Labels | None = None,
    higher_is_better: bool = False,
    margin: float | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> Verdict:
    """Verdict on weighted averages sum(numerators) / sum(denominators), such as bits per byte.

    One denominator per item for both models: sign-flip permutation of the numerators' differences,
    so that the test and the average weigh items alike. `denominators_b` where they differ:
    linearised t test. Wins and losses compare the items' own ratios. Raises ValueError as
    `compare_scores`.
    """
    require_levels(margin, alpha)
    totals = ratio_totals(numerators_a, numerators_b, denominators, denominators_b, clusters)
    below = np.asarray(denominators, dtype=np.float64)
    below_b = below if denominators_b is None else np.asarray(denominators_b, dtype=np.float64)
    counts = _counts(np.asarray(numerators_b) / below_b - np.asarray(numerators_a) / below)
    if denominators_b is None:
        evidence = _sign_flip_evidence(totals, margin, alpha, seed)
    else:
        method = PAIRED_RATIO_CLUSTERED if totals.clustered else PAIRED_RATIO
        difference = totals_estimate(totals, method, 1 - alpha)
        evidence = t_evidence(difference, margin, alpha)
    return judge(evidence, counts, totals.n_clusters, higher_is_better, margin, alpha)


def t_evidence(difference: Estimate, margin: float | None, alpha: float) -> Evidence:
    """The t test of an estimated difference, and its two one-sided tests when a margin is given."""
    equivalence = None
    if margin is not None and difference.stderr is not None and difference.df is not None:
        arguments = (difference.value, difference.stderr, difference.df)
        equivalence = tost(*arguments, margin, alpha).p_value
    p_value = t_test(difference)
    return Evidence(
        difference.method,
        difference.value,
        difference.stderr,
        difference.ci_low,
        difference.ci_high,
        1.0 if p_value is None else p_value,
        equivalence,
        difference.df,
    )


def _mcnemar_evidence(
    totals: Totals, counts: Counts, margin: float | None, alpha: float
) -> Evidence:
    """Exact McNemar; without discordant items the sample is the clusters."""
    units = totals.n_clusters
    low, high = mcnemar_interval(counts.higher, counts.lower, units, 1 - alpha)
    stderr = totals.stderr or (high - low) / 2 / normal_quantile(1 - alpha / 2)
    equivalence = None
    if margin is not None:
        equivalence = paired_binary_equivalence(counts.higher, counts.lower, units, margin)
    p_value = mcnemar_exact(counts.higher, counts.lower)
    df = max(1, units - 1)
    return Evidence(EXACT_MCNEMAR, totals.ratio, stderr, low, high, p_value, equivalence, df)


def _sign_flip_evidence(totals: Totals, margin: float | None, alpha: float, seed: int) -> Evidence:
    """Sign-flip permutation; its interval is the inverted test's, joined with the t interval."""
    flips = sign_flips(totals, seed)
    method = SIGN_FLIP_CLUSTERED if totals.clustered else SIGN_FLIP
    p_value, difference = flips.p_value(), flips.difference
    found = totals_estimate(totals, method, 1 - alpha)
    low, high = _joined(flips.interval(1 - alpha), found, p_value <= alpha)
    equivalence = None
    if margin is not None:
        inside = -margin < difference < margin
        limits = (flips.one_sided(-margin), flips.one_sided(margin))
        equivalence = max(limits) if inside else 1.0
        equivalence = max(equivalence, t_evidence(found, margin, alpha).p_equivalence or 0.0)
    return Evidence(method, difference, found.stderr, low, high, p_value, equivalence, found.df)


def _joined(
    inverted: tuple[float | None, float | None], t: Estimate, significant: bool
) -> tuple[float | None, float | None]:
    """The inverted interval, widened to the t interval wherever that leaves the test's answer
    alone.

    Where few items differ, no subset mean lies far beyond the observed difference, and the
    inverted interval is too short on that side; the t interval supplies it. The limit that
    excludes 0, when the test is significant, stays that of the test.
    """
    low, high = inverted
    if low is None or high is None or t.ci_low is None or t.ci_high is None:
        return inverted
    keeps_low, keeps_high = significant and t.value > 0, significant and t.value < 0
    return (low if keeps_low else min(low, t.ci_low), high if keeps_high else max(high, t.ci_high))


def _counts(differences: FloatArray) -> Counts:
    higher = int(np.count_nonzero(differences > 0))
    lower = int(np.count_nonzero(differences < 0))
    return Counts(higher, lower, differences.size - higher - lower)


def require_levels(margin: float | None, alpha: float) -> None:
    """Raises ValueError unless 0 < alpha < 1 and the margin, if any, is positive."""
    if margin is not None:
        require_margin(margin)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: expected a number between 0 and 1, got {alpha}")
