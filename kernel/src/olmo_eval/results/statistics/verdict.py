"""Verdicts: what a paired comparison says, in a value that the CLI, JSON and a reader share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import attrs
from attrs import frozen

from olmo_eval.common.figures import counted
from olmo_eval.results.statistics.estimates import json_fields
from olmo_eval.results.statistics.multiplicity import adjust_p_values
from olmo_eval.results.statistics.power import minimum_detectable_effect, questions_needed

Kind = Literal["better", "worse", "equivalent", "undecided"]


@frozen
class Verdict:
    """How candidate B differs from baseline A: difference = B - A, in the units of the score.

    `p_value` tests difference = 0 and `p_equivalence` |difference| >= `margin`, each by `method`;
    the adjusted ones account for the `family` of comparisons judged together and decide `kind`.
    The interval is that of this one difference at 1 - `alpha`, unadjusted. `wins`, `losses` and
    `ties` count items on which B is better, worse, the same, whichever direction is better.
    `needs_more` is None unless undecided, and where the data cannot say.
    """

    kind: Kind
    difference: float
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float
    p_adjusted: float
    wins: int
    losses: int
    ties: int
    n: int
    n_clusters: int
    method: str
    higher_is_better: bool
    mde: float | None
    needs_more: int | None
    equivalence_margin: float | None = None
    p_equivalence: float | None = None
    p_equivalence_adjusted: float | None = None
    adjustment: str = "none"
    family: int = 1
    alpha: float = 0.05
    df: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values: finite numbers, strings or None."""
        return json_fields(self)

    def sentence(self) -> str:
        """One line for people: verdict, difference, interval, p-value, method, counts."""
        parts = [f"{self.headline()}: {self.difference:+.4g}{self._interval()}", self._evidence()]
        losses = counted(self.losses, "loss", "losses")
        parts.append(f"{counted(self.wins, 'win')}, {losses}, {counted(self.ties, 'tie')}")
        return "; ".join(parts)

    def headline(self) -> str:
        """The verdict in words: ``undecided, needs about 1,100 more questions``."""
        if self.kind == "equivalent":
            return f"equivalent within {self.equivalence_margin:g}"
        if self.kind == "undecided" and self.needs_more is not None:
            return f"undecided, needs about {counted(rounded(self.needs_more), 'more question')}"
        if self.kind == "undecided" and self.ties == self.n:
            every = "the one question" if self.n == 1 else f"all {self.n:,} questions"
            return f"undecided, the same score on {every}"
        return self.kind

    def _interval(self) -> str:
        if self.ci_low is None or self.ci_high is None:
            return ""
        return f" [{self.ci_low:+.4g}, {self.ci_high:+.4g}]"

    def _evidence(self) -> str:
        text, adjusted = f"p = {self.p_value:.2g}", self.p_adjusted
        if self.kind == "equivalent" and self.p_equivalence is not None:
            text = f"p = {self.p_equivalence:.2g} against a difference that large"
            adjusted = self.p_equivalence_adjusted or adjusted
        if self.family > 1 and self.adjustment != "none":
            name = self.adjustment.replace("holm", "Holm").replace("benjamini", "Benjamini")
            name = name.replace("-hochberg", "-Hochberg")
            text += f" alone, {adjusted:.2g} after {name} over {self.family}"
        return f"{text} ({self.method})"


class Counts(NamedTuple):
    """Items on which B scores higher, lower and the same."""

    higher: int
    lower: int
    ties: int


class Evidence(NamedTuple):
    """What a method says about one difference, before any decision."""

    method: str
    difference: float
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float
    p_equivalence: float | None
    df: float | None


def judge(
    evidence: Evidence,
    counts: Counts,
    n_clusters: int,
    higher_is_better: bool,
    margin: float | None,
    alpha: float,
) -> Verdict:
    """The unadjusted verdict on one difference."""
    wins, losses = counts.higher, counts.lower
    if not higher_is_better:
        wins, losses = losses, wins
    stderr = evidence.stderr
    return decide(
        Verdict(
            kind="undecided",
            difference=evidence.difference,
            stderr=stderr,
            ci_low=evidence.ci_low,
            ci_high=evidence.ci_high,
            p_value=evidence.p_value,
            p_adjusted=evidence.p_value,
            wins=wins,
            losses=losses,
            ties=counts.ties,
            n=sum(counts),
            n_clusters=n_clusters,
            method=evidence.method,
            higher_is_better=higher_is_better,
            mde=None if stderr is None else minimum_detectable_effect(stderr, alpha),
            needs_more=None,
            equivalence_margin=margin,
            p_equivalence=evidence.p_equivalence,
            p_equivalence_adjusted=evidence.p_equivalence,
            alpha=alpha,
            df=evidence.df,
        )
    )


def decide(verdict: Verdict) -> Verdict:
    """`verdict` with `kind` and `needs_more` as its adjusted p-values say.

    Equivalent when a margin was given and the adjusted equivalence p-value is below alpha: a
    margin declares smaller differences unimportant, also significant ones. Else better or worse by
    the sign of the difference when the adjusted p-value is at most alpha. Else undecided.
    """
    equivalence = verdict.p_equivalence_adjusted
    if equivalence is not None and equivalence < verdict.alpha:
        return attrs.evolve(verdict, kind="equivalent", needs_more=None)
    if verdict.p_adjusted <= verdict.alpha and verdict.difference != 0:
        better = (verdict.difference > 0) == verdict.higher_is_better
        return attrs.evolve(verdict, kind="better" if better else "worse", needs_more=None)
    alpha = verdict.alpha * verdict.p_value / verdict.p_adjusted
    more = questions_needed(
        verdict.n, verdict.stderr, verdict.difference, verdict.equivalence_margin, alpha
    )
    return attrs.evolve(verdict, kind="undecided", needs_more=more)


def adjust(verdicts: Sequence[Verdict], method: str = "holm") -> list[Verdict]:
    """The verdicts of one family, re-decided by p-values adjusted for their number.

    `method` is "holm" (claims), "benjamini-hochberg" (exploration) or "none". The tests for a
    difference are one family, those for equivalence another. An undecided verdict's `needs_more`
    uses the stricter level that its place in the family demands. Raises ValueError for an unknown
    method.
    """
    adjusted = list(verdicts)
    if not adjusted:
        return []
    p_values = adjust_p_values([verdict.p_value for verdict in adjusted], method)
    raw = [verdict.p_equivalence for verdict in adjusted]
    claims = [index for index, p_value in enumerate(raw) if p_value is not None]
    for index, p_value in enumerate(p_values):
        adjusted[index] = attrs.evolve(
            adjusted[index], p_adjusted=float(p_value), adjustment=method, family=len(adjusted)
        )
    if claims:
        equivalences = adjust_p_values([p for p in raw if p is not None], method)
        for index, p_value in zip(claims, equivalences, strict=True):
            adjusted[index] = attrs.evolve(adjusted[index], p_equivalence_adjusted=float(p_value))
    return [decide(verdict) for verdict in adjusted]


def rounded(count: int) -> int:
    """A planning count to two significant digits."""
    magnitude = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // magnitude) * magnitude
