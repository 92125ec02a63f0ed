"""Checkpoints: a task's signal against its noise, a score's trend, and an alarm that knows both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import FloatArray, paired_arrays, score_array
from olmo_eval.results.statistics.distributions import probability, t_cdf, t_two_sided
from olmo_eval.results.statistics.estimates import json_fields
from olmo_eval.results.statistics.intervals import t_interval


@frozen
class SignalToNoise:
    """`signal` and `noise` as shares of the mean score, and their ratio (None without noise)."""

    signal: float
    noise: float
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    n_models: int
    n_runs: int
    last: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values: finite numbers or None."""
        return json_fields(self)


@frozen
class Trend:
    """Least-squares line through scores over steps; slope in score units a step."""

    slope: float
    intercept: float
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    residual_sd: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values: finite numbers or None."""
        return json_fields(self)


@frozen
class Alarm:
    """Whether the newest checkpoint fell out of line; `expected` and its interval come from the
    rest.
    """

    raised: bool
    score: float
    expected: float
    ci_low: float
    ci_high: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return json_fields(self)


def signal_to_noise(
    models: npt.ArrayLike,
    runs: Sequence[npt.ArrayLike],
    last: int = 30,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> SignalToNoise:
    """Signal-to-noise ratio of a task (Heineman et al. 2025).

    signal = max_{j,k} |m_j - m_k| / mean m over the final scores of comparable `models` (J >= 2);
    noise = standard deviation (ddof 1) of the `last` checkpoints within one run / their mean,
    averaged over `runs` (score by checkpoint, oldest first, 2 or more each): a run is never mixed
    with another, or the noise would contain the signal. Percentile interval of the ratio by a
    bootstrap over models, which a maximum biases downwards. Raises ValueError for too few models,
    runs or checkpoints, or a mean of 0.
    """
    scores = score_array(models, "models")
    if scores.size < 2 or not runs or last < 2:
        raise ValueError("expected 2 models, 1 run and last >= 2")
    if scores.mean() == 0:
        raise ValueError("models: a mean score of 0 has no relative signal")
    noise = float(np.mean([_run_noise(run, index, last) for index, run in enumerate(runs)]))
    signal = float(_signals(scores[None, :])[0])
    counts = (scores.size, len(runs), last)
    if noise == 0:
        return SignalToNoise(signal, noise, None, None, None, *counts)
    drawn = np.random.default_rng(seed).integers(0, scores.size, size=(draws, scores.size))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(_signals(scores[drawn]) / noise, tails)
    return SignalToNoise(signal, noise, signal / noise, float(low), float(high), *counts)


def decision_accuracy(small: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Share of model pairs that `small` and `target` scores (J,) order alike; a tie counts as
    half.
    """
    first, second = paired_arrays(small, target, ("small", "target"))
    if first.size < 2:
        raise ValueError("expected at least 2 models")
    j, k = np.triu_indices(first.size, 1)
    agreement = np.sign(first[j] - first[k]) * np.sign(second[j] - second[k])
    return float(np.mean((agreement + 1) / 2))


@frozen
class DecisionAccuracy:
    """Share of pairs of models that two scales order alike, with its bootstrap interval."""

    value: float
    ci_low: float
    ci_high: float
    n_models: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return json_fields(self)


def bootstrapped_decision_accuracy(
    small: npt.ArrayLike,
    target: npt.ArrayLike,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> DecisionAccuracy:
    """`decision_accuracy` with the percentile interval of a bootstrap over models.

    A model that is drawn twice is no pair with itself. Raises ValueError for fewer than 3 models:
    a single pair says nothing about others.
    """
    first, second = paired_arrays(small, target, ("small", "target"))
    count = first.size
    if count < 3:
        raise ValueError("expected at least 3 models")
    j, k = np.triu_indices(count, 1)
    alike = np.zeros((count, count))
    signs = np.sign(first[j] - first[k]) * np.sign(second[j] - second[k])
    alike[j, k] = alike[k, j] = (signs + 1) / 2
    drawn = np.random.default_rng(seed).integers(0, count, size=(draws, count))
    times = np.zeros((draws, count))
    np.add.at(times, (np.arange(draws)[:, None], drawn), 1)
    pairs = (times.sum(axis=1) ** 2 - np.square(times).sum(axis=1)) / 2
    sums = np.einsum("dj,jk,dk->d", times, alike, times) / 2
    usable = pairs > 0  # one model alone, drawn every time, orders nothing
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(sums[usable] / pairs[usable], tails)
    return DecisionAccuracy(decision_accuracy(first, second), float(low), float(high), count)


def trend(steps: npt.ArrayLike, scores: npt.ArrayLike, confidence: float = 0.95) -> Trend:
    """Slope of `scores` over `steps` (n,), n >= 2, with its t interval on n - 2 degrees of
    freedom.

    Ordinary least squares: SE = s / sqrt(sum (x - mean x)^2). Neighbouring checkpoints resemble
    one another, so over a short window the interval is narrower than it should be. Raises
    ValueError when all steps are equal or n < 2. With n = 2 the line fits exactly and the interval
    is unknown.
    """
    x, y = paired_arrays(steps, scores, ("steps", "scores"))
    slope, intercept, spread, squares = _line(x, y)
    if x.size < 3 or spread == 0:
        return Trend(slope, intercept, None, None, None, None, spread, x.size)
    stderr, df = spread / math.sqrt(squares), x.size - 2
    low, high = t_interval(slope, stderr, df, confidence)
    p_value = t_two_sided(slope / stderr, df)
    return Trend(slope, intercept, stderr, low, high, p_value, spread, x.size)


def alarm(
    steps: npt.ArrayLike,
    scores: npt.ArrayLike,
    higher_is_better: bool = True,
    window: int = 10,
    alpha: float = 0.01,
    noise: float = 0.0,
) -> Alarm | None:
    """Whether the last of `scores` (n,) is worse than the line through the `window` before it
    allows.

    Prediction interval expected -/+ t s sqrt(1 + 1/k + (x - mean x)^2 / sum (x - mean x)^2), k - 2
    degrees of freedom, so that the noise between checkpoints of this run sets the threshold;
    one-sided at `alpha`, the interval at 1 - 2 alpha. Where the line improves it is followed to the
    last earlier checkpoint and no further: learning slows down, and that is no reason for alarm.
    s is at least `noise`, the standard deviation by which a score is known to differ between
    repeats. None before 4 earlier checkpoints, or when they lie exactly on a line and `noise` is 0.
    Raises ValueError as `trend`.
    """
    x, y = paired_arrays(steps, scores, ("steps", "scores"))
    past_x, past_y = x[:-1][-window:], y[:-1][-window:]
    if past_x.size < 4:
        return None
    slope, intercept, spread, squares = _line(past_x, past_y)
    spread = max(spread, noise)
    if spread == 0:
        return None
    improves = (slope > 0) == higher_is_better
    at = float(past_x[-1] if improves else x[-1])
    distance = at - float(past_x.mean())
    stderr = spread * math.sqrt(1 + 1 / past_x.size + distance**2 / squares)
    expected, df = intercept + slope * at, past_x.size - 2
    surprise = (float(y[-1]) - expected) / stderr
    p_value = probability(t_cdf(surprise if higher_is_better else -surprise, df))
    interval = t_interval(expected, stderr, df, 1 - 2 * alpha)
    return Alarm(p_value < alpha, float(y[-1]), expected, *interval, p_value)


def _signals(scores: FloatArray) -> FloatArray:
    """(max - min) / mean over the last axis of scores (draws, J); 0 where all J are the same, as a
    draw of one model that scores 0 is."""
    spread, means = np.ptp(scores, axis=-1), np.abs(scores.mean(axis=-1))
    with np.errstate(divide="ignore"):
        found: FloatArray = np.divide(spread, means, out=np.zeros_like(spread), where=spread > 0)
        return found


def _run_noise(run: npt.ArrayLike, index: int, last: int) -> float:
    scores = score_array(run, f"runs[{index}]")[-last:]
    if scores.size < 2 or scores.mean() == 0:
        raise ValueError(f"runs[{index}]: expected 2 checkpoints and a mean score other than 0")
    return float(scores.std(ddof=1) / abs(scores.mean()))


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float, float, float]:
    """Slope, intercept, residual standard deviation (n - 2) and sum of squares of x."""
    centred = x - x.mean()
    squares = float(np.square(centred).sum())
    if squares == 0:
        raise ValueError("steps: expected at least two different steps")
    slope = float(centred @ (y - y.mean())) / squares
    intercept = float(y.mean()) - slope * float(x.mean())
    residuals = y - y.mean() - slope * centred
    residuals[np.abs(residuals) <= 1e-12 * np.abs(y).max()] = 0.0
    spread = math.sqrt(float(np.square(residuals).sum()) / max(1, x.size - 2))
    return slope, intercept, spread, squares
