"""Slices, tested: each for a difference of its own, the false discovery rate held over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from olmo_eval.results.columns import FloatArray
from olmo_eval.results.compare import paired_verdict
from olmo_eval.results.pairing import Pairs
from olmo_eval.results.slices.members import Mask, Slice
from olmo_eval.results.statistics import (
    Verdict,
    benjamini_hochberg,
    discrete_benjamini_hochberg,
    mcnemar_p_values,
)
from olmo_eval.results.statistics.comparison import EXACT_MCNEMAR
from olmo_eval.results.statistics.distributions import normal_cdf, normal_quantile
from olmo_eval.results.statistics.slices import (
    LEAST_DIFFERING,
    contrast_p_value,
    selective_alpha,
)
from olmo_eval.results.statistics.verdict import decide

ALPHA = 0.05

#: share of a slice's questions that must be left for it to stand beside clearer ones
_LEAST_LEFT = 0.25
_CHANGED = ("better", "worse")


@frozen
class SliceResult:
    """One slice of a task, compared.

    ``verdict`` is on the slice's own difference, its p-value adjusted (Benjamini-Hochberg) over all
    slices that were looked at together; where it is better or worse, its interval allows for having
    been chosen. ``elsewhere`` is the difference on the other questions, and ``p_elsewhere`` the
    adjusted p-value of the slice's being like them. ``within`` names a clearer slice that shares
    questions with this one, where without these this one shows nothing.
    """

    task: str
    family: str
    name: str
    score_a: float
    score_b: float
    verdict: Verdict
    elsewhere: float
    p_elsewhere: float
    within: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the runs differ here, and not only where it overlaps a clearer slice."""
        return self.within is None and self.verdict.kind in _CHANGED

    @property
    def stands_out(self) -> bool:
        return self.p_elsewhere <= self.verdict.alpha

    def to_dict(self) -> dict[str, Any]:
        return {**attrs.asdict(self, recurse=False), "verdict": self.verdict.to_dict()}


@frozen(eq=False)
class Subject:
    """The paired questions of a task, the metric they are compared by, and their slices."""

    task: str
    pairs: Pairs
    entry: Mapping[str, Any]
    slices: Sequence[Slice]

    @property
    def effects(self) -> FloatArray:
        """Each question's part in the difference (n,), whose mean it is; up to a factor where the
        score is a weighted mean."""
        found = self.pairs
        if not self.entry["weighted"]:
            return np.asarray(found.b - found.a, dtype=np.float64)
        effects: FloatArray = found.b * found.weights_b - found.a * found.weights_a
        share = (found.weights_a + found.weights_b) / 2
        return np.asarray(effects - share * effects.sum() / share.sum(), dtype=np.float64)


def judge_slices(subjects: Sequence[Subject], seed: int = 0) -> list[SliceResult]:
    """Every slice of the subjects in which enough questions differ for a result to be possible,
    judged as one family at a false discovery rate of 5%."""
    chosen = [
        (subject, one)
        for subject in subjects
        for one in subject.slices
        if np.count_nonzero((subject.pairs.b - subject.pairs.a)[one.members]) >= LEAST_DIFFERING
    ]
    if not chosen:
        return []
    verdicts = _adjusted(
        [paired_verdict(_part(s.pairs, one.members), s.entry, seed=seed) for s, one in chosen]
    )
    contrasts = benjamini_hochberg(
        [contrast_p_value(s.effects, one.members, s.pairs.clusters) for s, one in chosen]
    )
    within = _explained(chosen, verdicts, seed)
    named = sum(v.kind in _CHANGED for v in verdicts) - len(within)
    level = max(selective_alpha(named, len(verdicts), ALPHA), _critical(verdicts))
    results = [
        _result(subject, one, verdict, float(contrast), level, seed)
        for (subject, one), verdict, contrast in zip(chosen, verdicts, contrasts, strict=True)
    ]
    return [evolve(one, within=within.get(i)) for i, one in enumerate(results)]


def _explained(
    chosen: Sequence[tuple[Subject, Slice]], verdicts: Sequence[Verdict], seed: int
) -> dict[int, str]:
    """Slices that changed only by the questions they share with clearer ones, by their places: of
    each the name of the one that it shares most with.

    From the clearest on, each is tested again without the questions of those before it.
    """
    found = [i for i, v in enumerate(verdicts) if v.kind in _CHANGED]
    found.sort(key=lambda i: verdicts[i].p_value)
    level = _critical(verdicts)
    kept: list[int] = []
    explained: dict[int, str] = {}
    for i in found:
        subject, one = chosen[i]
        before = [chosen[k][1] for k in kept if chosen[k][0] is subject]
        shared = [s for s in before if (s.members & one.members).any()]
        own = one.members & ~np.any([s.members for s in shared], axis=0) if shared else one.members
        if not shared or _changes_alone(subject, own, verdicts[i], level, seed):
            kept.append(i)
        else:
            most = max(shared, key=lambda s: int((s.members & one.members).sum()))
            explained[i] = most.name
    return explained


def _changes_alone(subject: Subject, own: Mask, verdict: Verdict, level: float, seed: int) -> bool:
    """Whether what is left of a slice differs as it should: at ``level``, that z standard errors
    stand for, allowing for the square root of the share of questions that is left."""
    share = own.sum() / verdict.n
    if share < _LEAST_LEFT:
        return False
    alone = paired_verdict(_part(subject.pairs, own), subject.entry, seed=seed)
    allowed = 2 * normal_cdf(normal_quantile(level / 2) * share**0.5) if level < 1 else 1.0
    return alone.p_value <= allowed and alone.difference * verdict.difference > 0


def _critical(verdicts: Sequence[Verdict]) -> float:
    """The largest p-value that still counts, which is what the adjustment came to."""
    return max((v.p_value for v in verdicts if v.kind in _CHANGED), default=0.0)


def _adjusted(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, re-decided as one family; a test of few differing questions, which no result
    could make significant, takes nothing away from the others."""
    supports = [
        mcnemar_p_values(v.wins + v.losses) if v.method == EXACT_MCNEMAR else None for v in verdicts
    ]
    # of the exact test, how many differ says nothing about which way, but how much can be found
    differing = [v.wins + v.losses for v in verdicts]
    p_values = discrete_benjamini_hochberg([v.p_value for v in verdicts], supports, differing)
    return [
        decide(
            evolve(
                v,
                p_adjusted=max(float(p), v.p_value),
                adjustment="discrete benjamini-hochberg",
                family=len(verdicts),
            )
        )
        for v, p in zip(verdicts, p_values, strict=True)
    ]


def _result(
    subject: Subject, one: Slice, verdict: Verdict, contrast: float, level: float, seed: int
) -> SliceResult:
    inside, outside = (_part(subject.pairs, m) for m in (one.members, ~one.members))
    if verdict.kind in _CHANGED:
        wide = paired_verdict(inside, subject.entry, seed=seed, alpha=level)
        verdict = evolve(verdict, ci_low=wide.ci_low, ci_high=wide.ci_high)
    weighted = bool(subject.entry["weighted"])
    a, b = _means(inside, weighted)
    rest_a, rest_b = _means(outside, weighted)
    return SliceResult(subject.task, one.family, one.name, a, b, verdict, rest_b - rest_a, contrast)


def _means(found: Pairs, weighted: bool) -> tuple[float, float]:
    if not weighted:
        return float(found.a.mean()), float(found.b.mean())
    return (
        float(np.average(found.a, weights=found.weights_a)),
        float(np.average(found.b, weights=found.weights_b)),
    )


def _part(found: Pairs, members: Mask) -> Pairs:
    """The pairs of some questions."""
    labels = found.clusters
    return evolve(
        found,
        ids=found.ids.filter(pa.array(members)),
        a=found.a[members],
        b=found.b[members],
        weights_a=found.weights_a[members],
        weights_b=found.weights_b[members],
        clusters=None if labels is None else [c for c, m in zip(labels, members, strict=True) if m],
    )
