"""Suites: several tasks in one number, tested on the number that is reported."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.arrays import (
    FloatArray,
    Labels,
    cluster_codes,
    paired_arrays,
    score_array,
    weight_array,
)
from olmo_eval.results.statistics.comparison import compare_scores, require_levels, t_evidence
from olmo_eval.results.statistics.estimates import Estimate, estimate
from olmo_eval.results.statistics.intervals import t_interval
from olmo_eval.results.statistics.power import minimum_detectable_effect
from olmo_eval.results.statistics.verdict import Counts, Verdict, judge

MACRO = "macro average (t, Satterthwaite)"


def macro_estimate(
    estimates: Sequence[Estimate],
    weights: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean of k task scores (or of suites: it nests), k >= 1; `weights` (k,) default to equal.

    value = sum w v / sum w; SE = sqrt(sum w^2 SE^2) / sum w, which for equal weights is
    (1/k) sqrt(sum SE^2): the tasks' items are independent. t interval with Satterthwaite's (1946)
    degrees of freedom (sum w^2 SE^2)^2 / sum((w^2 SE^2)^2 / df). A task without a standard error
    leaves the suite without one. Raises ValueError for no tasks or bad weights.
    """
    shares = _shares(len(estimates), weights)
    value = float(shares @ [e.value for e in estimates])
    stderr, df = _combine(shares, [e.stderr for e in estimates], [e.df for e in estimates])
    n, n_clusters = sum(e.n for e in estimates), sum(e.n_clusters for e in estimates)
    if stderr is None or df is None:
        return Estimate(value, None, None, None, n, n_clusters, MACRO, None, None, confidence)
    low, high = t_interval(value, stderr, df, confidence)
    mde = minimum_detectable_effect(stderr)
    return Estimate(value, stderr, low, high, n, n_clusters, MACRO, mde, df, confidence)


def macro_verdict(
    verdicts: Sequence[Verdict],
    weights: npt.ArrayLike | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
) -> Verdict:
    """Verdict on the macro average, from the paired difference of each task (it nests).

    difference = sum w d / sum w, SE and degrees of freedom as in `macro_estimate`, t test. A task
    whose items all tie adds its difference of 0 and, where its own error is unknown, no error.
    Wins, losses and ties count items. Raises ValueError for no tasks, or tasks that disagree on
    which direction is better.
    """
    shares = _shares(len(verdicts), weights)
    require_levels(margin, alpha)
    if len({v.higher_is_better for v in verdicts}) > 1:
        raise ValueError("a macro average cannot mix scores where higher and where lower is better")
    tied = [v.stderr is None and v.ties == v.n and v.n_clusters > 1 for v in verdicts]
    errors = [0.0 if tie else v.stderr for v, tie in zip(verdicts, tied, strict=True)]
    stderr, df = _combine(shares, errors, [1.0 if v.df is None else v.df for v in verdicts])
    value = float(shares @ [v.difference for v in verdicts])
    clusters = sum(v.n_clusters for v in verdicts)
    interval: tuple[float | None, float | None] = (None, None)
    if stderr is not None and df is not None:
        interval = t_interval(value, stderr, df, 1 - alpha)
    n = sum(v.n for v in verdicts)
    difference = Estimate(value, stderr, *interval, n, clusters, MACRO, None, df, 1 - alpha)
    counts = _item_counts(verdicts)
    evidence = t_evidence(difference, margin, alpha)
    return judge(evidence, counts, clusters, verdicts[0].higher_is_better, margin, alpha)


def _item_counts(verdicts: Sequence[Verdict]) -> Counts:
    """Items of all tasks on which B scores higher, lower and the same."""
    wins, losses = sum(v.wins for v in verdicts), sum(v.losses for v in verdicts)
    higher, lower = (wins, losses) if verdicts[0].higher_is_better else (losses, wins)
    return Counts(higher, lower, sum(v.ties for v in verdicts))


def micro_estimate(
    tasks: Sequence[npt.ArrayLike],
    clusters: Sequence[Labels | None] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean over the pooled items of all tasks: a task counts as much as it has items."""
    scores = [score_array(task, f"tasks[{index}]") for index, task in enumerate(tasks)]
    return estimate(_pooled(scores), _pooled_labels(scores, clusters), confidence=confidence)


def micro_verdict(
    tasks_a: Sequence[npt.ArrayLike],
    tasks_b: Sequence[npt.ArrayLike],
    *,
    clusters: Sequence[Labels | None] | None = None,
    higher_is_better: bool = True,
    margin: float | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> Verdict:
    """Verdict on the pooled items of all tasks, the same tasks in the same order on both sides."""
    if len(tasks_a) != len(tasks_b):
        raise ValueError(f"expected the same tasks on both sides: {len(tasks_a)}, {len(tasks_b)}")
    pairs = [paired_arrays(a, b) for a, b in zip(tasks_a, tasks_b, strict=True)]
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    return compare_scores(
        _pooled(first),
        _pooled(second),
        clusters=_pooled_labels(first, clusters),
        higher_is_better=higher_is_better,
        margin=margin,
        alpha=alpha,
        seed=seed,
    )


def _shares(count: int, weights: npt.ArrayLike | None) -> FloatArray:
    if count == 0:
        raise ValueError("a suite needs at least one task")
    raw = np.ones(count) if weights is None else weight_array(weights, count)
    return np.asarray(raw / raw.sum(), dtype=np.float64)


def _combine(
    shares: FloatArray, stderrs: Sequence[float | None], dfs: Sequence[float | None]
) -> tuple[float | None, float | None]:
    """Standard error and Satterthwaite degrees of freedom of a weighted mean; None if unknown."""
    errors = [error for error in stderrs if error is not None]
    degrees = [df for df in dfs if df is not None]
    if len(errors) < len(shares) or len(degrees) < len(shares):
        return None, None
    variances = np.square(shares * np.array(errors))
    total = float(variances.sum())
    if total == 0:
        return None, None
    return math.sqrt(total), total**2 / float((variances**2 / np.array(degrees)).sum())


def _pooled(tasks: Sequence[FloatArray]) -> FloatArray:
    if not tasks:
        raise ValueError("a suite needs at least one task")
    return np.concatenate(tasks)


def _pooled_labels(
    tasks: Sequence[FloatArray], clusters: Sequence[Labels | None] | None
) -> Labels | None:
    """Cluster codes that no two tasks share, or None when every item of every task stands alone."""
    if clusters is None:
        return None
    if len(clusters) != len(tasks):
        raise ValueError(f"clusters: expected one entry per task ({len(tasks)}): {len(clusters)}")
    pooled, used = [], 0
    for scores, labels in zip(tasks, clusters, strict=True):
        codes = cluster_codes(labels, scores.size)
        codes = np.arange(scores.size) if codes is None else codes
        pooled.append(codes + used)
        used += int(codes.max()) + 1
    return np.concatenate(pooled)
