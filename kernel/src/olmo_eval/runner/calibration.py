"""How far a judge agrees with people, and with itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import asdict, frozen

from olmo_eval.errors import DataError, UsageError
from olmo_eval.judges.calls import JudgeUsage
from olmo_eval.results.statistics.agreement import (
    MISSING,
    MOST_CATEGORIES,
    Agreement,
    Level,
    cohen_kappa,
    confusion,
    krippendorff_alpha,
    raw_agreement,
)
from olmo_eval.runner.calibrate import Judgement
from olmo_eval.runner.labels import Label, LabelledAnswer

Codes = npt.NDArray[np.intp]
FAILED = "judge_failed"


@frozen
class Calibration:
    """A judge held against people's labels.

    - ``n``: labelled answers, ``n_undecided`` of them without a label that most people gave;
    - ``repeats``: how often each was judged; ``n_failed``: how many of all ``n_asked`` judgements
      are missing, for the reasons in ``errors``; a missing one is compared with nothing;
    - ``categories``: the labels, in the order of the scale where they have one;
    - ``with_people``: agreement of single judgements with people's consensus, by coefficient;
    - ``with_itself``: of the judgements of one answer with each other, None without repeats;
    - ``of_people``: of people with each other, None where one has labelled each answer;
    - ``table``: how often people said the row and the judge the column; the last column counts
      judgements that failed.
    """

    level: Level
    categories: tuple[str, ...]
    n: int
    n_undecided: int
    repeats: int
    n_asked: int
    n_failed: int
    errors: Mapping[str, int]
    with_people: Mapping[str, Agreement]
    with_itself: Mapping[str, Agreement] | None
    of_people: Mapping[str, Agreement] | None
    table: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]
    used: JudgeUsage

    def to_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        plain["table"] = {
            "people": list(self.categories),
            "judge": [*self.categories, FAILED],
            "counts": [list(row) for row in self.table],
        }
        return plain


@frozen
class Resampling:
    """How intervals are made: draws of the bootstrap, its seed, the confidence."""

    draws: int = 2_000
    seed: int = 0
    confidence: float = 0.95


def calibration(
    rows: Sequence[LabelledAnswer],
    judgements: Sequence[Judgement],
    repeats: int,
    *,
    level: Level | None = None,
    order: Sequence[str] = (),
    used: JudgeUsage | None = None,
    resampling: Resampling | None = None,
) -> Calibration:
    """What ``judgements`` of ``rows`` say of their judge.

    Labels that are texts are held against the judge's labels, whatever their case, numbers against
    its scores. ``level`` is that of the labels: by default ``nominal`` for texts and for numbers of
    two kinds, and else ``ordinal``; ``order`` names texts from the lowest to the highest.

    Raises:
        UsageError: texts without an order are no scale, the order lacks a label, or the judge gives
            no label to hold texts against. DataError: too many different numbers.
    """
    how = resampling or Resampling()
    scale = _Scale.of(rows, judgements, level, order)
    people = [scale.code(row.consensus) for row in rows]
    said = np.full((repeats, len(rows)), MISSING, dtype=np.intp)
    for one in judgements:
        said[one.repeat, one.index] = scale.code(scale.said(one))
    asked = {(one.repeat, one.index) for one in judgements}
    clusters = [row.cluster for row in rows]
    human = np.tile(np.array(people, dtype=np.intp), repeats)
    judge = said.reshape(-1)
    several = max(len(row.labels) for row in rows)
    of_people = np.array(
        [[scale.code(_at(row.labels, i)) for row in rows] for i in range(several)], dtype=np.intp
    )
    failed = [one for one in judgements if scale.said(one) is None]
    return Calibration(
        scale.level,
        tuple(map(_shown, scale.labels)),
        len(rows),
        people.count(MISSING),
        repeats,
        len(asked),
        len(failed),
        dict(Counter(one.error or "no label" for one in failed).most_common(5)),
        _agreement(human, judge, clusters * repeats, scale, how),
        _among(said, clusters, scale, how) if repeats > 1 else None,
        _among(of_people, clusters, scale, how) if several > 1 else None,
        _table(human, judge, [(r, i) in asked for r in range(repeats) for i in range(len(rows))],
               len(scale.labels)),
        tuple(scale.notes(rows, judgements)),
        used or JudgeUsage(),
    )  # fmt: skip


@frozen
class _Scale:
    """The labels that people and the judge gave, in order, and what they are to each other."""

    labels: tuple[Label, ...]
    level: Level

    @classmethod
    def of(
        cls,
        rows: Sequence[LabelledAnswer],
        judgements: Sequence[Judgement],
        level: Level | None,
        order: Sequence[str],
    ) -> _Scale:
        given = [label for row in rows for label in row.labels if label is not None]
        if isinstance(given[0], float):
            if order:
                raise UsageError("--order names labels, and these are numbers")
            scores = [one.score for one in judgements if one.score is not None]
            numbers = sorted({float(number) for number in [*given, *scores]})
            if len(numbers) > MOST_CATEGORIES:
                raise DataError(
                    f"{len(numbers)} different numbers are no categories",
                    hint=f"round the labels and the scores to {MOST_CATEGORIES} at most",
                )
            return cls(tuple(numbers), level or ("nominal" if len(numbers) < 3 else "ordinal"))
        labels = [one.label for one in judgements if one.label is not None]
        if judgements and not labels and any(one.score is not None for one in judgements):
            raise UsageError(
                "the judge gives scores and no labels, and people's labels are texts",
                hint="label with the numbers of the scorer's scale",
            )
        names = list(dict.fromkeys(map(_folded, [*order, *map(str, given), *labels])))
        lacking = [name for name in names if order and name not in map(_folded, order)]
        if lacking:
            raise UsageError(f"--order lacks the label {lacking[0]!r}")
        if level in ("ordinal", "interval") and not order:
            raise UsageError(
                f"texts are not {level} by themselves", hint="--order LOWEST,...,HIGHEST"
            )
        return cls(tuple(names), level or ("ordinal" if order else "nominal"))

    @property
    def numeric(self) -> bool:
        return isinstance(self.labels[0], float)

    def said(self, one: Judgement) -> Label | None:
        return one.score if self.numeric else one.label

    def code(self, label: Label | None) -> int:
        if label is None:
            return MISSING
        return self.labels.index(label if isinstance(label, float) else _folded(label))

    @property
    def values(self) -> list[float]:
        """The number that each label stands for, in differences of intervals."""
        if self.numeric:
            return [float(label) for label in self.labels]
        return [float(place) for place in range(len(self.labels))]

    def notes(self, rows: Sequence[LabelledAnswer], judgements: Sequence[Judgement]) -> list[str]:
        people = {self.code(label) for row in rows for label in row.labels} - {MISSING}
        judge = {self.code(self.said(one)) for one in judgements} - {MISSING}
        if people and judge and not people & judge:
            both = [", ".join(_shown(self.labels[i]) for i in sorted(s)) for s in (people, judge)]
            return [f"people and the judge have no label in common: {both[0]} against {both[1]}"]
        return []


def _folded(label: str) -> str:
    return label.strip().casefold().replace("-", "_").replace(" ", "_")


def _shown(label: Label) -> str:
    return f"{label:g}" if isinstance(label, float) else label


def _at(labels: Sequence[Label | None], place: int) -> Label | None:
    return labels[place] if place < len(labels) else None


def _agreement(
    first: Codes, second: Codes, clusters: Sequence[str], scale: _Scale, how: Resampling
) -> dict[str, Agreement]:
    """Every coefficient that fits the scale, of two raters."""
    settings = asdict(how)
    found = {
        "agreement": raw_agreement(np.stack([first, second]), clusters, **settings),
        "kappa": cohen_kappa(first, second, clusters, **settings),
    }
    if scale.level != "nominal":
        for weights in ("linear", "quadratic"):
            found[f"kappa_{weights}"] = cohen_kappa(
                first, second, clusters, weights=weights, **settings
            )
    return {**found, **_alphas(np.stack([first, second]), clusters, scale, how)}


def _among(
    ratings: Codes, clusters: Sequence[str], scale: _Scale, how: Resampling
) -> dict[str, Agreement]:
    """Every coefficient that fits the scale, of raters who are interchangeable: kappa over all
    pairs of them, taken together."""
    pairs = list(combinations(range(ratings.shape[0]), 2))
    first = np.concatenate([ratings[i] for i, _ in pairs])
    second = np.concatenate([ratings[j] for _, j in pairs])
    found = _agreement(first, second, list(clusters) * len(pairs), scale, how)
    found["agreement"] = raw_agreement(ratings, clusters, **asdict(how))
    return {**found, **_alphas(ratings, clusters, scale, how)}


def _alphas(
    ratings: Codes, clusters: Sequence[str], scale: _Scale, how: Resampling
) -> dict[str, Agreement]:
    levels: tuple[Level, ...] = ("nominal",)
    if scale.level != "nominal":
        levels = ("nominal", "ordinal", "interval") if scale.numeric else ("nominal", "ordinal")
    if scale.level == "interval":
        levels = ("nominal", "ordinal", "interval")
    return {
        f"alpha_{level}": krippendorff_alpha(
            ratings, clusters, level=level, values=scale.values, **asdict(how)
        )
        for level in levels
    }


def _table(
    human: Codes, judge: Codes, asked: Sequence[bool], size: int
) -> tuple[tuple[int, ...], ...]:
    counts = confusion(human, judge, size)
    failed = np.array(asked, dtype=bool) & (judge == MISSING) & (human != MISSING)
    lost = np.bincount(human[failed], minlength=size)
    return tuple((*map(int, row), int(missing)) for row, missing in zip(counts, lost, strict=True))
