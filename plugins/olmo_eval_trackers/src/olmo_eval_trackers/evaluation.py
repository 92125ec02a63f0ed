"""What a tracker is told of one run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from olmo_eval.errors import DataError

if TYPE_CHECKING:
    from olmo_eval.results.summary import Score


@frozen
class Evaluation:
    """The scores of one run as a tracker's values, and where they stand on its axis.

    ``values`` has, for each score, ``eval/TASK/METRIC``, the ends of its 95% interval
    ``..._low`` and ``..._high``, ``..._n`` (instances that have a score) and, where some have none,
    ``..._missing``. What is not known is left out: it never becomes a number.
    """

    run_id: str
    #: the curve that the run is a point of: its group; without group or step, the run alone
    track: str
    group: str | None
    name: str | None
    step: int | None
    tokens: int | None
    values: Mapping[str, float]
    #: what the run is, as short texts
    facts: Mapping[str, str]

    @classmethod
    def of(cls, run: Mapping[str, Any], scores: Sequence[Score], location: str) -> Evaluation:
        """The evaluation of a run whose ``run.json`` and ``lock.json`` hold ``run``.

        Raises:
            DataError: two scores have the same name.
        """
        model, run_id = run["model"], str(run["run_id"])
        group, name, step = run.get("group"), run.get("name"), model.get("step")
        facts = {
            "run_id": run_id,
            "model": model.get("name"),
            "provider": model.get("provider"),
            "fingerprint": model.get("fingerprint"),
            "group": group,
            "status": run.get("status"),
            "location": location,
            "olmo_eval_version": run.get("olmo_eval_version"),
        }
        return cls(
            run_id=run_id,
            track=group if group and step is not None else run_id,
            group=group,
            name=name,
            step=step,
            tokens=model.get("tokens"),
            values=_unique(value for pair in _named(scores) for value in _values(*pair)),
            facts={key: str(fact) for key, fact in facts.items() if fact is not None},
        )

    @property
    def axis(self) -> dict[str, float]:
        """``eval/checkpoint_step`` and ``eval/tokens``, as far as they are known."""
        known = {"eval/checkpoint_step": self.step, "eval/tokens": self.tokens}
        return {key: value for key, value in known.items() if value is not None}


def _named(scores: Sequence[Score]) -> Iterator[tuple[str, Score]]:
    """Each score with its name; the scorer is in it where the metric alone does not tell."""
    metrics = Counter((score.name, score.metric) for score in scores)
    for score in scores:
        alone = metrics[score.name, score.metric] == 1
        metric = score.metric if alone else f"{score.metric}:{score.scorer}"
        yield f"eval/{score.name}/{metric}", score


def _values(name: str, score: Score) -> Iterator[tuple[str, float]]:
    known = {"": score.value, "_low": score.ci_low, "_high": score.ci_high}
    for suffix, value in known.items():
        if value is not None and math.isfinite(value):
            yield name + suffix, value
    yield f"{name}_n", score.n_scored
    if not score.complete:
        yield f"{name}_missing", score.n_expected - score.n_scored


def _unique(values: Iterator[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in values:
        if name in found:
            raise DataError(f"two scores of the run would both be called {name}")
        found[name] = value
    return found


def renamed(values: Mapping[str, float], allowed: str) -> dict[str, float]:
    """The values under names of letters, digits and ``allowed`` alone; all else becomes ``_``.

    Raises:
        DataError: two names become the same.
    """
    plain = (
        ("".join(c if (c.isascii() and c.isalnum()) or c in allowed else "_" for c in name), value)
        for name, value in values.items()
    )
    return _unique(iter(plain))
