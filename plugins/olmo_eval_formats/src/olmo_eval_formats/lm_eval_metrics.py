"""The metrics of a task of lm_eval, and what each gives a document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.interchange import ImportedMetric
from olmo_eval_formats.files import number, plain_name

#: aggregations of (log-likelihood, weight): how a document's value is made, and the transform
_LIKELIHOODS = {
    "perplexity": "exp",
    "weighted_perplexity": "exp",
    "bits_per_byte": None,
}
#: where a task written in Python does not list its metrics' aggregations
_KNOWN = {
    "word_perplexity": "weighted_perplexity",
    "byte_perplexity": "weighted_perplexity",
    "bits_per_byte": "bits_per_byte",
    "perplexity": "perplexity",
}
_SHARES = ("acc", "exact_match", "em", "contains", "pass")


@frozen
class TaskMetrics:
    """The metrics in the order of the results file, and the aggregation of each by its name.

    ``filters`` are the names of the filters in that order.
    """

    metrics: tuple[ImportedMetric, ...]
    aggregations: Mapping[str, str]
    filters: tuple[str, ...]

    @classmethod
    def of(cls, task: str, told: Mapping[str, Any]) -> TaskMetrics:
        config, better = told["configs"][task], told.get("higher_is_better", {}).get(task) or {}
        aggregations = {
            str(m.get("metric")): str(m.get("aggregation", "mean"))
            for m in config.get("metric_list") or ()
        }
        found: list[ImportedMetric] = []
        for key, value in told["results"][task].items():
            name, comma, filter_ = key.partition(",")
            if not comma or name.endswith("_stderr"):
                continue
            how = aggregations.setdefault(name, _KNOWN.get(name, "mean"))
            found.append(
                ImportedMetric(
                    name=plain_name(name),
                    scorer=plain_name(filter_),
                    higher_is_better=better.get(name),
                    weighted=how in ("weighted_perplexity", "bits_per_byte"),
                    transform=_LIKELIHOODS.get(how),
                    bounds=(0.0, 1.0) if name.startswith(_SHARES) else (None, None),
                    reported=number(value),
                )
            )
        filters = tuple(dict.fromkeys(metric.scorer for metric in found))
        return cls(tuple(found), aggregations, filters)

    def values(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
        """One value a metric: of the line of its filter; nothing where a metric is not of the kind
        that single documents have values of."""
        found: dict[str, float | None] = {}
        for metric in self.metrics:
            row = rows.get(metric.scorer)
            told = None if row is None else row.get(metric.name)
            if row is not None and (metric.weighted or not isinstance(told, list)):
                found[metric.key] = self._value(metric.name, told)
        return found

    def weights(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
        found: dict[str, float] = {}
        for metric in self.metrics:
            told = rows.get(metric.scorer, {}).get(metric.name)
            if metric.weighted and told is not None and _is_pair(told):
                found[metric.key] = float(told[1])
        return found

    def _value(self, name: str, told: Any) -> float | None:
        how = self.aggregations.get(name)
        if how == "perplexity":
            loglikelihood = number(told)
            return None if loglikelihood is None else -loglikelihood
        if how in ("weighted_perplexity", "bits_per_byte"):
            if not _is_pair(told) or not told[1]:
                return None
            nats = -float(told[0]) / float(told[1])
            return nats / math.log(2) if how == "bits_per_byte" else nats
        return number(told)


def _is_pair(told: Any) -> bool:
    pair = isinstance(told, Sequence) and not isinstance(told, str) and len(told) == 2
    return pair and all(number(part) is not None for part in told)
