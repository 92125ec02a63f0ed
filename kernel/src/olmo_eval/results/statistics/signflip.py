"""Sign-flip permutation: the paired test for scores that are not binary, and its interval.

If A and B are equally good, exchanging their answers on a cluster of items only flips the sign of
that cluster's total difference S_c (Fisher 1935). The p-value is the share of sign patterns whose
absolute total is at least the observed one.

The interval inverts the same test with the same patterns. Flipping the clusters outside a subset F
of the clusters leaves the total at least as far from n D on the other side exactly when the
subset's mean difference M_F = sum_F S / sum_F W passes D. The confidence limits are therefore
quantiles of subset means (Hartigan 1969, "typical values"), and the interval excludes 0 exactly
when p <= alpha.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

from olmo_eval.results.statistics.arrays import FloatArray, require_confidence
from olmo_eval.results.statistics.distributions import probability
from olmo_eval.results.statistics.totals import ROUNDING, Totals

ComplexArray = npt.NDArray[np.complex128]

ENUMERATED = 13
"""At most this many clusters with a difference: all 2^13 patterns are enumerated."""

DRAWS = 9_999
"""Random patterns otherwise, so that alpha (1 + DRAWS) is whole at the usual levels."""

MORE_DRAWS = 99_999
"""Random patterns when fewer than `FEW` of `DRAWS` are as extreme as the data."""

FEW = 100

BLOCKS = 1_024
"""Where more clusters than this differ, all are dealt at random into blocks that flip together."""

CHUNK = 4_096
"""Patterns held in memory at once."""

BYTE_PATTERNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float64)


@frozen(eq=False)
class SignFlips:
    """The reference distribution of one comparison.

    `means` (ascending) are the subset means of `patterns` pairs of a random subset and its
    complement, `empty` of these pairs having no mean because one of the two is empty. `exact`: the
    patterns are all there are, so that the identity is among them; otherwise it is added to the
    count.
    """

    difference: float
    means: FloatArray
    empty: int
    patterns: int
    exact: bool

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the true difference is `null`."""
        return probability(self._share(null))

    def one_sided(self, null: float) -> float:
        """p-value of the hypothesis that the true difference is `null`, or beyond it as seen from
        the observed difference: half the two-sided one."""
        return probability(self._share(null) / 2)

    def interval(self, confidence: float = 0.95) -> tuple[float | None, float | None]:
        """The differences with p > 1 - confidence; (None, None) when there are too few clusters."""
        require_confidence(confidence)
        extra = 0 if self.exact else 1
        rejected = math.floor((1 - confidence) * (extra + self.patterns) - extra + 1e-9)
        rank = rejected - self.empty
        if rejected < 0 or rank < 0:
            return None, None
        return float(self.means[rank]), float(self.means[self.means.size - 1 - rank])

    def _share(self, null: float) -> float:
        if self.difference == null:
            return 1.0
        slack = ROUNDING * float(np.abs(self.means).max()) if null else 0.0
        below = int(np.searchsorted(self.means, null + slack, side="right"))
        above = self.means.size - int(np.searchsorted(self.means, null - slack, side="left"))
        extra = 0 if self.exact else 1
        count = self.empty + (below if null < self.difference else above)
        return max(extra + count, 1) / (extra + self.patterns)


def sign_flips(totals: Totals, seed: int = 0) -> SignFlips:
    """The sign-flip distribution of paired cluster totals: S_c = sum of d = B - A, W_c = items or
    bytes.

    Up to `ENUMERATED` clusters with a difference are enumerated; otherwise patterns are drawn with
    `seed`, p = (1 + #) / (1 + DRAWS) (Phipson and Smyth 2010). With more than `BLOCKS` such
    clusters, all flip in blocks dealt at random: as valid, and of the power of a t test with 1,023
    degrees of freedom. Time and memory grow with n only for the totals. The result does not depend
    on the order of the clusters; exchanging A and B mirrors it.
    """
    sign = _orientation(totals.sums)
    pairs = sign * totals.sums + 1j * totals.weights
    pairs = pairs[np.lexsort((pairs.imag, pairs.real))]
    moving, still = pairs[pairs.real != 0], pairs[pairs.real == 0]
    rng = np.random.default_rng(seed)
    exact = moving.size <= ENUMERATED
    if exact:
        subsets = _with_still(_enumerated(moving), still, rng)
        return _reference(sign, pairs.sum(), subsets, exact)
    if moving.size > BLOCKS:
        moving, still = _blocks(pairs, rng), still[:0]
    found = _reference(sign, pairs.sum(), _drawn(moving, still, DRAWS, rng), exact)
    if found.p_value() * (1 + DRAWS) - 1 >= FEW:
        return found
    return _reference(sign, pairs.sum(), _drawn(moving, still, MORE_DRAWS, rng), exact)


def _orientation(sums: FloatArray) -> float:
    """The sign under which A against B and B against A become the same problem."""
    tolerance = ROUNDING * float(np.abs(sums).sum())
    for power in (1, 3, 5):
        total = float((np.sort(sums) ** power).sum())
        if abs(total) > tolerance:
            return math.copysign(1.0, total)
    return 1.0


def _enumerated(moving: ComplexArray) -> ComplexArray:
    """All subsets that hold the first cluster; their complements are the other half."""
    if moving.size == 0:
        return np.zeros(1, dtype=np.complex128)
    subsets = moving[:1]
    for cluster in moving[1:]:
        subsets = np.concatenate([subsets, subsets + cluster])
    return subsets


def _with_still(
    subsets: ComplexArray, still: ComplexArray, rng: np.random.Generator
) -> ComplexArray:
    """Subsets joined with random halves of the clusters without a difference.

    Those change no total, only the weight of a subset; each enumerated pattern is repeated so that
    its random halves are represented. A handful of such clusters is enumerated too.
    """
    if still.size == 0:
        return subsets
    if still.size <= ENUMERATED and subsets.size << still.size <= 1 << ENUMERATED:
        for cluster in still:
            subsets = np.concatenate([subsets, subsets + cluster])
        return subsets
    repeated: ComplexArray = np.tile(subsets, -(-DRAWS // subsets.size))
    return repeated + _still_weights(still, repeated.size, rng)


def _drawn(
    moving: ComplexArray, still: ComplexArray, draws: int, rng: np.random.Generator
) -> ComplexArray:
    subsets = _subset_sums(moving, draws, rng)
    if still.size:
        subsets = subsets + _still_weights(still, draws, rng)
    return subsets


def _still_weights(still: ComplexArray, draws: int, rng: np.random.Generator) -> ComplexArray:
    """Weights of random halves of `still`, from their normal limit when there are very many."""
    if still.size <= BLOCKS:
        return _subset_sums(still, draws, rng)
    total, spread = still.imag.sum(), math.sqrt(float(np.square(still.imag).sum())) / 2
    weights: FloatArray = np.clip(rng.normal(total / 2, spread, draws), 0.0, total)
    return np.asarray(weights * 1j, dtype=np.complex128)


def _blocks(pairs: ComplexArray, rng: np.random.Generator) -> ComplexArray:
    """All clusters, those without a difference too, so that every block is a fair sample."""
    block = rng.permutation(pairs.size) % BLOCKS
    sums: ComplexArray = np.zeros(BLOCKS, dtype=np.complex128)
    sums.real = np.bincount(block, weights=pairs.real)
    sums.imag = np.bincount(block, weights=pairs.imag)
    return sums


def _subset_sums(values: ComplexArray, draws: int, rng: np.random.Generator) -> ComplexArray:
    """Sums of `draws` uniformly random subsets: one random byte and one look-up decide eight
    values.
    """
    padded = np.concatenate([values, np.zeros(-values.size % 8, dtype=values.dtype)])
    table = (padded.reshape(-1, 8) @ BYTE_PATTERNS.T).ravel()
    groups = padded.size // 8
    offsets = 256 * np.arange(groups)
    sums = np.empty(draws, dtype=np.complex128)
    for start in range(0, draws, CHUNK):
        stop = min(draws, start + CHUNK)
        patterns = rng.integers(0, 256, size=(stop - start, groups), dtype=np.uint8)
        sums[start:stop] = table[patterns + offsets].sum(axis=1)
    return sums


def _reference(sign: float, total: complex, subsets: ComplexArray, exact: bool) -> SignFlips:
    """Subset means of the drawn subsets and their complements, in the caller's orientation."""
    both = np.concatenate([subsets, total - subsets])
    tolerance = ROUNDING * (np.abs(subsets.real).max() + abs(total))
    sums = np.where(np.abs(both.real) <= tolerance, 0.0, both.real)
    empty = both.imag <= ROUNDING * total.imag
    means = np.sort(sign * sums[~empty] / both.imag[~empty]) + 0.0
    difference = 0.0 if abs(total.real) <= tolerance else sign * total.real / total.imag
    return SignFlips(float(difference), means, int(empty.sum()), subsets.size, exact)
