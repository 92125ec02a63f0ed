"""Biographies: what became of each question over the checkpoints of a run, seen through noise."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import FloatArray, IntArray
from olmo_eval.results.statistics.distributions import special

Kind = Literal["always", "never", "coin-flip", "learned", "forgotten"]
KINDS: tuple[Kind, ...] = ("always", "never", "coin-flip", "learned", "forgotten")

#: Beta(a, a) prior on how often a coin-flip question is answered right
_COIN = 2.0
#: Beta prior on the flip rate, as questions seen flipped and seen steady
_FLIPPED, _STEADY = 1.0, 19.0
#: between these a flip rate can be told from the absence of flips and from guessing
LOWEST, HIGHEST = 0.002, 0.25
#: what a change one checkpoint off is worth, where one at the very point is worth 1
_BESIDE = 0.75
_ROUNDS = 200
_CONVERGED = 1e-6


@frozen(eq=False)
class Biographies:
    """One story a question, shape (n,).

    ``change`` is the index of the first checkpoint after the question was learned or forgotten, -1
    for the other kinds. ``certainty`` is the probability of the story: of the kind and, where there
    is a change, of its lying within one checkpoint of ``change``. ``flip_rate`` is the probability
    with which a checkpoint answers against what the story says, ``shares`` how frequent the
    kinds are, in the order of ``KINDS``.
    """

    kinds: tuple[Kind, ...]
    change: IntArray
    certainty: FloatArray
    flip_rate: float
    shares: tuple[float, ...]


def biographies(scores: npt.ArrayLike, least_flip_rate: float = 0.0) -> Biographies:
    """The likeliest story of each question, from its ``scores`` by checkpoint (n, T), T >= 2.

    Scores are 0 or 1, NaN where a checkpoint has none. A question is right at all checkpoints,
    wrong at all, right with a probability of its own (coin-flip), or changes once, at any
    checkpoint alike; but for coin-flips, each answer is turned round with the flip rate. How
    frequent the kinds are and the flip rate are estimated from all questions together (empirical
    Bayes by expectation-maximisation, Dempster, Laird and Rubin 1977), the rate not below
    ``least_flip_rate``, which repeats of one checkpoint have measured. Raises ValueError for other
    scores and for fewer than 2 checkpoints.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ValueError(f"expected scores of questions by 2 checkpoints, got {values.shape}")
    if not (np.isnan(values) | (values == 0) | (values == 1)).all():
        raise ValueError("expected scores of 0 and 1")
    stories = _Stories(values)
    least = min(max(least_flip_rate, LOWEST), HIGHEST)
    rate, shares = max(least, _FLIPPED / (_FLIPPED + _STEADY)), np.full(len(KINDS), 1 / len(KINDS))
    for _ in range(_ROUNDS):
        posterior = stories.posterior(rate, shares)
        before, rate = rate, min(max(stories.flip_rate(posterior), least), HIGHEST)
        totals = stories.by_kind(posterior).sum(axis=0) + 1
        shares = totals / totals.sum()
        if abs(rate - before) < _CONVERGED:
            break
    return _likeliest(stories, stories.posterior(rate, shares), rate, shares)


def answer_flip_rate(disagreement: float) -> float:
    """How often one answer is turned round, from how often two repeats disagree.

    Two answers disagree when exactly one of them is turned: d = 2 e (1 - e).
    """
    return float((1 - np.sqrt(max(0.0, 1 - 2 * disagreement))) / 2)


class _Stories:
    """How well every story fits every question: columns always, never, coin-flip, then learned at
    1..T-1, then forgotten at 1..T-1.
    """

    def __init__(self, values: FloatArray) -> None:
        self.changes = values.shape[1] - 1
        right = np.cumsum(values == 1, axis=1).astype(np.float64)
        wrong = np.cumsum(values == 0, axis=1).astype(np.float64)
        all_right, all_wrong = right[:, -1:], wrong[:, -1:]
        learned = wrong[:, :-1] + all_right - right[:, :-1]
        self.seen = all_right + all_wrong
        self.fits = np.hstack((all_right, all_wrong, learned, self.seen - learned))
        log_beta = special().betaln
        self._coin = log_beta(_COIN + all_right, _COIN + all_wrong) - log_beta(_COIN, _COIN)

    def posterior(self, rate: float, shares: FloatArray) -> FloatArray:
        """Probability of each story given the scores, shape (n, 3 + 2 (T - 1))."""
        steady = self.fits * np.log(1 - rate) + (self.seen - self.fits) * np.log(rate)
        logs = np.hstack((steady[:, :2], self._coin, steady[:, 2:]))
        each = [*shares[:3], *np.repeat(shares[3:] / self.changes, self.changes)]
        logs += np.log(each)
        logs -= logs.max(axis=1, keepdims=True)
        found = np.exp(logs)
        return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float64)

    def flip_rate(self, posterior: FloatArray) -> float:
        """The share of answers that go against the story, coin-flips left aside."""
        steady = np.delete(posterior, 2, axis=1)
        flipped = float((steady * (self.seen - self.fits)).sum()) + _FLIPPED
        return flipped / (float((steady * self.seen).sum()) + _FLIPPED + _STEADY)

    def by_kind(self, posterior: FloatArray) -> FloatArray:
        """Probability of each kind, shape (n, 5)."""
        learned, forgotten = np.split(posterior[:, 3:], 2, axis=1)
        sums = learned.sum(axis=1, keepdims=True), forgotten.sum(axis=1, keepdims=True)
        return np.hstack((posterior[:, :3], *sums))


def _likeliest(
    stories: _Stories, posterior: FloatArray, rate: float, shares: FloatArray
) -> Biographies:
    kinds = stories.by_kind(posterior)
    best = kinds.argmax(axis=1)
    certainty = kinds[np.arange(len(best)), best]
    change = np.full(len(best), -1, dtype=np.intp)
    for kind, part in zip((3, 4), np.split(posterior[:, 3:], 2, axis=1), strict=True):
        rows = np.flatnonzero(best == kind)
        padded = np.pad(part[rows], ((0, 0), (1, 1)))
        beside = padded[:, :-2] + padded[:, 2:]
        # of two points as likely, two checkpoints apart, the one between is within one of both
        where = (padded[:, 1:-1] + _BESIDE * beside).argmax(axis=1)
        certainty[rows] = (padded[:, 1:-1] + beside)[np.arange(len(rows)), where]
        change[rows] = where + 1
    named = tuple(KINDS[i] for i in best)
    return Biographies(named, change, certainty, rate, tuple(float(s) for s in shares))
