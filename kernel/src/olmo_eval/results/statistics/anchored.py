"""An estimate from some of the questions, sharpened by what an earlier model scored on all.

The questions are a simple random sample of n of N; the earlier model's scores, known for all N, are
a control variate: where the sample happens to hold more of what that model had right than all N
do, the estimate is lowered by as much as the sample says the two go together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import (
    FloatArray,
    Labels,
    cluster_codes,
    is_binary,
    score_array,
    weight_array,
)
from olmo_eval.results.statistics.distributions import normal_quantile, t_quantile
from olmo_eval.results.statistics.estimates import Estimate
from olmo_eval.results.statistics.intervals import wilson_interval
from olmo_eval.results.statistics.power import minimum_detectable_effect
from olmo_eval.results.statistics.totals import cluster_totals

LEAST = 30
"""Questions below which nothing is estimated: what goes together shows in more."""

Halves = tuple[float, float]


@frozen
class Anchored:
    """What all ``n_all`` questions would have scored, estimated from ``n`` of them.

    ``estimate`` is a score as any other: its error is about questions drawn anew. ``all_stderr``,
    ``all_low`` and ``all_high`` are about these ``n_all`` questions alone. ``variance_saved`` is
    the share of the variance about these that the anchor takes from the plain mean of the ``n``
    (below 0 where it adds some), ``worth`` how many questions a plain mean would need.
    """

    estimate: Estimate
    n_all: int
    all_stderr: float | None
    all_low: float | None
    all_high: float | None
    variance_saved: float
    worth: int


@frozen
class _About:
    """An estimate and its error about all questions, with the distances to the limits."""

    value: float
    variance: float
    halves: Halves
    df: float
    method: str


def anchored(
    scores: npt.ArrayLike,
    places: Sequence[int] | npt.NDArray[np.intp],
    anchor: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Anchored | None:
    """The mean score (or weighted mean) of N questions from ``scores`` (n,) at ``places`` (n,).

    ``anchor`` (N,) are the earlier model's scores, NaN where it has none; ``weights`` and
    ``clusters`` (N,) are those of all questions. Binary scores are post-stratified by a binary
    anchor, with Wilson limits combined as in Zou and Donner 2008; all others are the regression
    estimator (Cochran 1977, chapter 7; with weights on these, too), with leave-one-out residuals.
    The error about questions drawn anew adds the variance that the mean of all N has, with the
    design effect of the anchor's clusters. None for fewer than 30 scores, fewer than 2 questions
    left out, or scores that do not vary about the anchor's and have no range.

    Raises:
        ValueError: shapes that do not fit, places that repeat or are none.
    """
    values, known = score_array(scores), _filled(anchor)
    where = np.asarray(places, dtype=np.intp)
    n, total = values.size, known.size
    if where.shape != values.shape or np.unique(where).size != n:
        raise ValueError("places: expected a different question for each score")
    if n < LEAST or total - n < 2:
        return None
    sizes = None if weights is None else weight_array(weights, total)
    share = np.ones(total) if sizes is None else sizes / sizes.mean()
    if sizes is None and is_binary(values) and is_binary(known):
        about: _About | None = _stratified(values, where, known, confidence)
    else:
        covariates = [known * share] if sizes is None else [known * share, share]
        about = _regressed(values * share[where], where, covariates, confidence)
    if about is None:
        return None
    spread = np.var(share[where] * (values - about.value), ddof=1)
    codes = cluster_codes(clusters, total)
    return _told(about, float(spread), n, total, _design_effect(known, share, codes), confidence)


def _filled(anchor: npt.ArrayLike) -> FloatArray:
    """The anchor's scores; a missing one is their mean, which says nothing of its question."""
    known = np.array(anchor, dtype=np.float64)
    missing = np.isnan(known)
    if missing.all():
        raise ValueError("anchor: expected a score of some question")
    known[missing] = known[~missing].mean()
    return known


def _stratified(
    values: FloatArray, where: npt.NDArray[np.intp], known: FloatArray, confidence: float
) -> _About:
    """Those that the anchor had right and those it had not, each weighed as in all questions."""
    z = normal_quantile(0.5 + confidence / 2)
    mine = known[where]
    strata = [mine == 1.0, mine == 0.0]
    if not all(s.any() for s in strata):  # the anchor tells nothing apart here
        strata, sizes = [np.ones(values.size, dtype=bool)], [known.size]
    else:
        sizes = [int((known == 1.0).sum()), int((known == 0.0).sum())]
    value = variance = below = above = 0.0
    for members, size in zip(strata, sizes, strict=True):
        k, m = float(values[members].sum()), int(members.sum())
        p, weight, left = k / m, size / known.size, 1 - m / size
        low, high = wilson_interval(k, m, confidence)
        value += weight * p
        spread = ((high - low) / 2 / z) ** 2 if p in (0.0, 1.0) or m < 2 else p * (1 - p) / (m - 1)
        variance += weight**2 * left * spread
        below += weight**2 * left * (p - low) ** 2
        above += weight**2 * left * (high - p) ** 2
    method = "post-stratified by the anchor (Wilson)"
    return _About(value, variance, (math.sqrt(below), math.sqrt(above)), math.inf, method)


def _regressed(
    values: FloatArray,
    where: npt.NDArray[np.intp],
    covariates: Sequence[FloatArray],
    confidence: float,
) -> _About | None:
    """The regression estimator on covariates of which the means over all questions are known."""
    n, total = values.size, covariates[0].size
    told = [x for x in covariates if np.ptp(x[where]) > 0]
    x = np.column_stack([np.ones(n), *(c[where] for c in told)])
    target = np.array([1.0, *(c.mean() for c in told)])
    inverse = np.linalg.pinv(x.T @ x)
    slopes = inverse @ (x.T @ values)
    residuals = values - x @ slopes
    leverage = np.clip(np.einsum("ij,jk,ik->i", x, inverse, x), 0.0, 1 - 1e-9)
    gains = n * (x @ (inverse @ target))  # how much each residual counts
    squares = np.square(gains * residuals / (1 - leverage))
    variance = (1 - n / total) * float(squares.sum()) / n**2
    if variance <= 1e-24 * max(1.0, float(np.square(values).max())):
        return None
    df = n - x.shape[1]
    half = t_quantile(0.5 + confidence / 2, df) * math.sqrt(variance)
    return _About(float(target @ slopes), variance, (half, half), df, "regression on the anchor, t")


def _design_effect(
    known: FloatArray, share: FloatArray, codes: npt.NDArray[np.intp] | None
) -> float:
    """How much larger clusters make the variance of the anchor's own mean; at least 1."""
    if codes is None:
        return 1.0
    clustered = cluster_totals(known * share, codes, share).stderr
    alone = cluster_totals(known * share, None, share).stderr
    return max(1.0, (clustered / alone) ** 2) if clustered and alone else 1.0


def _told(
    about: _About, spread: float, n: int, total: int, design: float, confidence: float
) -> Anchored:
    """``spread`` is the variance of one question's score."""
    z = normal_quantile(0.5 + confidence / 2)
    drawn = design * spread / total  # of the mean of all questions, had these been others
    plain = (1 - n / total) * spread / n
    low, high = (math.hypot(half, z * math.sqrt(drawn)) for half in about.halves)
    stderr = math.sqrt(about.variance + drawn)
    estimate = Estimate(
        about.value, stderr, about.value - low, about.value + high, n, n,
        about.method, minimum_detectable_effect(stderr), about.df, confidence,
    )  # fmt: skip
    saved = 1 - about.variance / plain if plain else 0.0
    worth = 1 / (1 / total + about.variance / spread) if spread else float(n)
    return Anchored(
        estimate, total, math.sqrt(about.variance),
        about.value - about.halves[0], about.value + about.halves[1], saved, round(worth),
    )  # fmt: skip
