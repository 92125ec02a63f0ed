"""The scores of Inspect's logs: its metrics, and what each sample was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from olmo_eval.common.sequences import items
from olmo_eval.interchange import ImportedMetric, Losses
from olmo_eval_formats.files import number, plain_name

#: what letters are worth there
_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
#: metrics that are the mean of the samples' scores
_MEANS = frozenset({"accuracy", "mean"})
#: those that say how sure another one is, which is computed anew
_ERRORS = frozenset({"stderr", "bootstrap_stderr", "std", "var"})


def worth(value: Any) -> float | None:
    """A score as a number; None where it is none, or not a number."""
    if isinstance(value, str):
        letter = _LETTERS.get(value)
        return _WORDS.get(value.lower(), number(value)) if letter is None else letter
    return number(value)


@frozen
class ScoredBy:
    """One scorer of the log (or one key of what it gives, or one way of reducing epochs), with its
    metrics. ``part`` is the key of its scores, where these are mappings."""

    scorer: str
    part: str | None
    reducer: str | None
    label: str
    metrics: tuple[ImportedMetric, ...] = field(converter=items)

    def of(self, sample: Mapping[str, Any]) -> float | None:
        """What one epoch of a sample is worth."""
        told = (sample.get("scores") or {}).get(self.scorer)
        return None if told is None else self.part_of(told.get("value"))

    def part_of(self, value: Any) -> float | None:
        if isinstance(value, Mapping):
            return worth(value.get(self.part))
        return worth(value) if self.part is None else None


def scorers_of(header: Mapping[str, Any], losses: Losses) -> list[ScoredBy]:
    """The scorers of the log, the headline first."""
    results = header.get("results") or {}
    told = results.get("scores") or []
    if not told:
        return _declared((header.get("eval") or {}).get("scorers") or ())
    reducers: dict[tuple[str, str], set[Any]] = {}
    for one in told:
        reducers.setdefault((one["scorer"], one["name"]), set()).add(one.get("reducer"))
    found = []
    for one in told:
        scorer, name = str(one["scorer"]), str(one["name"])
        part = None if name == scorer else name
        several = len(reducers[(one["scorer"], one["name"])]) > 1
        label = _label(scorer, part, one.get("reducer") if several else None)
        metrics = _metrics(one.get("metrics") or {}, label, losses)
        if metrics:
            found.append(ScoredBy(scorer, part, one.get("reducer"), label, metrics))
    first = results.get("headline") or {}
    found.sort(key=lambda s: (s.scorer, s.part or s.scorer) != _headline(first))
    return found


def _headline(told: Mapping[str, Any]) -> tuple[Any, Any]:
    return told.get("scorer"), told.get("score")


def _label(scorer: str, part: str | None, reducer: str | None) -> str:
    label = plain_name(scorer if part is None else f"{scorer}/{part}")
    return label if reducer is None else f"{label}[{reducer}]"


def _metrics(
    told: Mapping[str, Mapping[str, Any]], label: str, losses: Losses
) -> list[ImportedMetric]:
    found = []
    for key, metric in told.items():
        if str(metric.get("name", key)).rpartition("/")[2] in _ERRORS:
            continue
        name = plain_name(str(key))
        value = number(metric.get("value"))
        if value is None:
            losses.lose("metrics without a number")
            continue
        share = name.rpartition("/")[2] == "accuracy"
        bounds = (0.0, 1.0) if share else (None, None)
        better = True if share else None
        found.append(ImportedMetric(name, label, better, bounds=bounds, reported=value))
    found.sort(key=lambda m: m.name.rpartition("/")[2] not in _MEANS)
    return found


def _declared(told: Sequence[Mapping[str, Any]]) -> list[ScoredBy]:
    """Of a log that came to no results: what its scorers would have reported."""
    found = []
    for one in told:
        scorer = str(one["name"]).rpartition("/")[2]
        metrics = one.get("metrics") or [{"name": "mean"}]
        parts = metrics.items() if isinstance(metrics, Mapping) else [(None, metrics)]
        for part, listed in parts:
            label = _label(scorer, part, None)
            names = [str(m.get("name", "")).rpartition("/")[2] for m in listed]
            means = [n for n in names if n in _MEANS] or ["mean"]
            found.append(
                ScoredBy(scorer, part, None, label, [ImportedMetric(n, label) for n in means[:1]])
            )
    return found


class Reduced:
    """What the epochs of each sample come to, by scorer, where the log says it."""

    def __init__(self, reductions: Sequence[Mapping[str, Any]]) -> None:
        self._values: dict[tuple[str, str | None], dict[str, Any]] = {}
        for one in reductions:
            key = (str(one.get("scorer")), one.get("reducer"))
            self._values[key] = {str(s.get("sample_id")): s.get("value") for s in one["samples"]}

    def value(self, scored: ScoredBy, epochs: Sequence[Mapping[str, Any]]) -> float | None:
        """The number of one sample: as the log reduces its epochs, else their mean."""
        known = self._values.get((scored.scorer, scored.reducer))
        sample_id = str(epochs[0]["id"])
        if known is not None and sample_id in known:
            return scored.part_of(known[sample_id])
        each = [scored.of(sample) for sample in epochs]
        present = [one for one in each if one is not None]
        return sum(present) / len(present) if present else None
