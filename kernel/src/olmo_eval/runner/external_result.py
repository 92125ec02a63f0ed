"""What an external eval reported: checked, then made into rows and scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any

import numpy as np
from attrs import evolve, frozen

from olmo_eval.common.convert import to_json
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.common.types import Outcome
from olmo_eval.errors import PluginError
from olmo_eval.evals.external import ExternalEvalResult, ExternalInstance, ExternalMetric
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.record import Row, dumps, gold_text
from olmo_eval.results.statistics import Estimate, estimate, score_bounds
from olmo_eval.results.summary import Score, within
from olmo_eval.runner.external import SCORER, ExternalRequest


@frozen
class Reported:
    """One metric with the value that the eval gave it.

    ``estimate`` is what its instances say; None where none of them has a score of it.
    ``n_expected`` counts the instances that should have one, ``n_scored`` those that do.
    """

    metric: ExternalMetric
    value: float
    estimate: Estimate | None = None
    n_expected: int = 0
    n_scored: int = 0

    @property
    def key(self) -> str:
        return f"{self.metric.name}:{SCORER}"

    @property
    def is_mean(self) -> bool:
        """Whether the value is the mean of the instances' scores, whose error is then known."""
        found = self.estimate
        return found is not None and math.isclose(
            found.value, self.value, rel_tol=1e-6, abs_tol=1e-9
        )

    def entry(self) -> dict[str, Any]:
        """The metric in ``run.json``."""
        return {
            "key": self.key,
            "metric": self.metric.name,
            "scorer": SCORER,
            "higher_is_better": self.metric.higher_is_better,
            "binary": False,
            "weighted": False,
            "transform": None,
            "bounds": list(self.metric.bounds),
            "unit": self.metric.unit,
            "mean_of_instances": None if self.estimate is None else self.is_mean,
        }

    def measured(self, columns: TaskColumns, n_expected: int) -> Reported:
        """This metric with what the instances' scores say of it."""
        values = columns.values(self.key)
        present = ~np.isnan(values)
        if not present.any():
            return evolve(self, n_expected=n_expected)
        labels = columns.clusters
        if labels is not None:
            labels = [label for label, keep in zip(labels, present, strict=True) if keep]
        found = within(estimate(values[present], labels), self.metric.bounds)
        return evolve(self, estimate=found, n_expected=n_expected, n_scored=int(present.sum()))

    def score(self, task: str, *, primary: bool) -> Score:
        """The metric's row of ``metrics.parquet``."""
        known = self.estimate if self.is_mean else None
        low, high = self._range()
        worst, best = (low, high) if self.metric.higher_is_better else (high, low)
        return Score.of(
            known,
            name=task,
            kind="external",
            task=task,
            variants=(),
            metric=self.metric.name,
            scorer=SCORER,
            primary=primary,
            higher_is_better=self.metric.higher_is_better,
            value=self.value,
            n_expected=self.n_expected,
            n_scored=self.n_scored,
            worst_case=worst,
            best_case=best,
            method=known.method if known else "as reported by the eval",
        )

    def _range(self) -> tuple[float | None, float | None]:
        """Lowest and highest value if the missing instances were known."""
        if self.n_scored == self.n_expected:
            return self.value, self.value
        if not self.is_mean:
            return None, None
        found = score_bounds(self.value, self.n_scored, self.n_expected, self.metric.bounds)
        return found.low, found.high


def _ended(one: ExternalInstance, score: float | None) -> Outcome:
    if one.outcome is not None:
        return one.outcome
    return Outcome.INFRA_FAILED if score is None else Outcome.SCORED


def _kept(one: ExternalInstance) -> str | None:
    return None if one.trajectory is None else dumps(to_json(one.trajectory))


@frozen
class CheckedResult:
    """A result that holds together: its metrics, the primary one first, and its instances, each
    with its scores by metric key.
    """

    metrics: tuple[Reported, ...]
    instances: tuple[tuple[ExternalInstance, Mapping[str, float | None]], ...]
    metadata: Mapping[str, Any]

    @property
    def primary(self) -> Reported:
        return self.metrics[0]

    @property
    def keys(self) -> list[str]:
        """The keys of the primary metric and of every other that instances have scores of."""
        scored = {key for _, scores in self.instances for key in scores}
        return [m.key for m in self.metrics if m is self.primary or m.key in scored]

    def rows(self) -> Iterator[Row]:
        """The rows of the instance table."""
        for position, (one, scores) in enumerate(self.instances):
            cluster = one.metadata.get("cluster")
            yield {
                "instance_id": one.id,
                "position": position,
                "outcome": str(_ended(one, scores[self.primary.key])),
                "cluster": None if cluster is None else str(cluster),
                "gold": gold_text(one.gold),
                "question": gold_text(one.question),
                "choices": None,
                "request": None,
                "request_hash": None,
                "outputs": [{"text": gold_text(one.answer), "trajectory": _kept(one)}],
                "error": one.error,
                "values": dict(scores),
                "weights": {},
                "metadata": dumps(one.metadata) if one.metadata else None,
            }

    def measured(self, columns: TaskColumns) -> CheckedResult:
        """This result with what its instances say of each metric."""
        expected = Counter(key for _, scores in self.instances for key in scores)
        keys = set(self.keys)
        found = (m.measured(columns, expected[m.key]) if m.key in keys else m for m in self.metrics)
        return evolve(self, metrics=tuple(found))


def checked(
    result: Any, request: ExternalRequest, clean: Callable[[str], str] = str
) -> CheckedResult:
    """``result`` if it holds together; ``clean`` takes secrets out of metrics' names.

    Raises:
        PluginError: one line that names the eval and what is wrong.
    """
    if not isinstance(result, ExternalEvalResult):
        raise PluginError(
            f"{request.label} returned {_a(result)}, not an ExternalEvalResult",
            hint="execute returns ExternalEvalResult(metrics={...})",
        )
    if not result.success:
        raise PluginError(f"{request.label} failed: {result.error or 'it does not say why'}")
    metrics = _metrics(result, request)
    primary = _primary(result, metrics, request)
    instances = _instances(result, set(metrics), primary, request)
    shown = {
        name: Reported(evolve(m.metric, name=clean(name)), m.value) for name, m in metrics.items()
    }
    keyed = tuple(
        (one, {shown[name].key: value for name, value in scores.items()})
        for one, scores in instances
    )
    others = [m for name, m in shown.items() if name != primary]
    return CheckedResult((shown[primary], *others), keyed, result.metadata)


def _metrics(result: ExternalEvalResult, request: ExternalRequest) -> dict[str, Reported]:
    label = request.label
    if not isinstance(result.metrics, Mapping):
        raise PluginError(f"{label} returned metrics that are {_a(result.metrics)}, not a mapping")
    if not result.metrics:
        raise PluginError(
            f"{label} reports no metrics", hint="ExternalEvalResult(metrics={'accuracy': ...})"
        )
    found: dict[str, Reported] = {}
    for named, value in result.metrics.items():
        metric = _declared(named, request)
        if metric.name in found:
            raise PluginError(f"{label} reports the metric {metric.name!r} twice")
        number = _number(value, f"{label} reports the metric {metric.name!r} as")
        low, high = metric.bounds
        if (low is not None and number < low) or (high is not None and number > high):
            raise PluginError(
                f"{label} reports the metric {metric.name!r} as {number:g}, outside of its bounds "
                f"{list(metric.bounds)}"
            )
        found[metric.name] = Reported(metric, number)
    return found


def _declared(named: Any, request: ExternalRequest) -> ExternalMetric:
    """The declaration of a reported metric: which direction is better is never guessed, but for
    evals of the published shape, which have no way to say it and report what is better higher."""
    known = request.declared
    if isinstance(named, ExternalMetric):
        if known.get(named.name, named) != named:
            raise PluginError(
                f"{request.label} reports the metric {named.name!r} other than it declares it"
            )
        return named
    if not known and request.kind.takes_parts():
        return ExternalMetric(str(named), higher_is_better=True)  # as published evals report
    if named not in known:
        raise PluginError(
            f"{request.label} reports the metric {named!r}, which it does not declare",
            hint=f"add it to the class: metrics = (ExternalMetric({str(named)!r}, "
            "higher_is_better=...),), or report it under such an ExternalMetric",
        )
    return known[named]


def _primary(
    result: ExternalEvalResult, metrics: Mapping[str, Reported], request: ExternalRequest
) -> str:
    if result.primary is None:
        return next(iter(metrics))
    if result.primary not in metrics:
        raise PluginError(
            f"{request.label} names {result.primary!r} as its primary metric and does not report "
            "it",
            hint=did_you_mean(
                str(result.primary), metrics, otherwise=f"it reports {', '.join(metrics)}"
            ),
        )
    return result.primary


def _instances(
    result: ExternalEvalResult, metrics: set[str], primary: str, request: ExternalRequest
) -> list[tuple[ExternalInstance, dict[str, float | None]]]:
    label = request.label
    if not isinstance(result.metadata, Mapping):
        raise PluginError(f"{label} returned metadata that is {_a(result.metadata)}, not a mapping")
    found, seen = [], set()
    for position, one in enumerate(result.instances):
        if not isinstance(one, ExternalInstance):
            raise PluginError(
                f"{label} returned {_a(one)} as instance {position}, not an ExternalInstance"
            )
        if not isinstance(one.id, str) or not one.id:
            raise PluginError(
                f"{label}: the id of instance {position} is not a text that names it: {one.id!r}"
            )
        if one.id in seen:
            raise PluginError(f"{label} returned two instances with the id {one.id!r}")
        seen.add(one.id)
        for what in ("metadata", "scores"):
            value = getattr(one, what)
            if not isinstance(value, Mapping):
                raise PluginError(
                    f"{label}: {what} of instance {one.id!r} is {_a(value)}, not a mapping"
                )
        found.append((one, _scores(one, metrics, primary, label)))
    return found


def _scores(
    one: ExternalInstance, metrics: set[str], primary: str, label: str
) -> dict[str, float | None]:
    """The instance's scores by metric; its value of the primary one is always among them."""
    scores: dict[str, float | None] = {}
    for name, value in {primary: one.score, **one.scores}.items():
        if name not in metrics:
            raise PluginError(
                f"{label}: instance {one.id!r} has a score of {name!r}, which is not among the "
                f"metrics: {', '.join(sorted(metrics))}"
            )
        where = f"{label} gives instance {one.id!r} the {name!r}"
        scores[name] = None if value is None else _number(value, where, truth=True)
    if one.outcome is Outcome.SCORED and scores[primary] is None:
        raise PluginError(f"{label}: instance {one.id!r} is scored, and has no {primary!r}")
    if one.score is not None and scores[primary] != one.score:
        raise PluginError(
            f"{label}: instance {one.id!r} has two scores of {primary!r}: {one.score!r} and "
            f"{scores[primary]!r}"
        )
    return scores


def _number(value: Any, where: str, *, truth: bool = False) -> float:
    """A finite number; with ``truth``, True and False are 1 and 0."""
    if not isinstance(value, Real | np.bool_) or isinstance(value, bool | np.bool_) > truth:
        raise PluginError(f"{where} {value!r}, which is not a number")
    number = float(value)
    if not math.isfinite(number):
        hint = "None says that an instance has no score" if truth else None
        raise PluginError(f"{where} {number}, which is not a finite number", hint=hint)
    return number


def _a(value: Any) -> str:
    name = "None" if value is None else type(value).__name__
    return name if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
