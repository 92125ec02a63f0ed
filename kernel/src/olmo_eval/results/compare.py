"""Comparing two runs: paired, question by question, ending in a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, frozen

from olmo_eval.errors import UsageError
from olmo_eval.results.columns import FloatArray
from olmo_eval.results.differences import Difference, lock_differences
from olmo_eval.results.statistics import (
    Verdict,
    adjust,
    compare_ratios,
    compare_scores,
    macro_verdict,
)
from olmo_eval.results.store import Run, Store, open_run
from olmo_eval.results.suites import SuiteNode, aggregate


@frozen
class Pairs:
    """The instances two runs share, in the order of the first, with both values of one metric.

    ``only_a`` and ``only_b`` count scored instances the other run lacks or has no value for.
    """

    ids: pa.ChunkedArray
    a: FloatArray
    b: FloatArray
    weights_a: FloatArray
    weights_b: FloatArray
    clusters: list[Any] | None
    only_a: int
    only_b: int


@frozen
class TaskComparison:
    """One task, compared. ``score_a`` and ``score_b`` are over the shared instances."""

    name: str
    metric: str
    kind: str
    score_a: float
    score_b: float
    verdict: Verdict
    only_a: int = 0
    only_b: int = 0
    differences: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "score_a": self.score_a,
            "score_b": self.score_b,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "differences": [d.to_dict() for d in self.differences],
            "verdict": self.verdict.to_dict(),
        }


@frozen
class Comparison:
    """Two runs, compared: baseline A and candidate B.

    ``notes`` says what was left out and why; nothing is left out silently.
    """

    a: Run
    b: Run
    tasks: tuple[TaskComparison, ...]
    suites: tuple[TaskComparison, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> tuple[TaskComparison, ...]:
        return self.tasks + self.suites

    @property
    def kind(self) -> str:
        """The overall verdict: ``worse`` if anything is, else ``better``, ``equivalent`` if all
        are, else ``undecided``.
        """
        kinds = [row.verdict.kind for row in self.rows]
        for kind in ("worse", "better"):
            if kind in kinds:
                return kind
        return "equivalent" if kinds and set(kinds) == {"equivalent"} else "undecided"

    def to_dict(self) -> dict[str, Any]:
        return {
            "a": {"run_id": self.a.run_id, "model": self.a.model},
            "b": {"run_id": self.b.run_id, "model": self.b.model},
            "verdict": self.kind,
            "tasks": [t.to_dict() for t in self.tasks],
            "suites": [s.to_dict() for s in self.suites],
            "notes": list(self.notes),
        }

    def to_arrow(self) -> pa.Table:
        """One row a task and suite."""
        rows = []
        for row in self.rows:
            flat = row.to_dict()
            flat.pop("differences")
            rows.append({**flat, **{k: v for k, v in flat.pop("verdict").items() if k != "kind"}})
            rows[-1]["verdict"] = row.verdict.kind
        return pa.Table.from_pylist(rows)

    def to_pandas(self) -> Any:
        """``to_arrow`` as a pandas frame (needs pandas)."""
        return self.to_arrow().to_pandas()

    def flips(self, task: str, show: str = "all") -> Iterator[Flip]:
        """The questions of ``task`` on which the runs differ: ``regressed``, ``improved``, or
        ``all`` of them.
        """
        return flips(self.a, self.b, task, show)


@frozen
class Flip:
    """One question that the two runs answered with different success."""

    instance_id: str
    question: str
    gold: str | None
    value_a: float
    value_b: float
    answer_a: str
    answer_b: str

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "__weakref__"}


def compare(
    a: str | Run,
    b: str | Run,
    *,
    results: str = "results",
    tasks: Sequence[str] = (),
    margin: float | None = None,
    allow_different: Sequence[str] = (),
    seed: int = 0,
) -> Comparison:
    """Compare candidate ``b`` with baseline ``a``; each is a run or names one.

    ``margin`` (in units of the score) asks for equivalence within it. ``allow_different`` names
    inputs that may differ (``fewshot``, ``data``, ...); others refuse the comparison.

    Raises:
        UsageError: the runs share nothing, or a task was asked in different ways.
    """
    store = Store(results)
    run_a = a if isinstance(a, Run) else store.find(a)
    run_b = b if isinstance(b, Run) else store.find(b)
    names, notes = _shared(run_a, run_b, tasks)
    compared = [
        _compare_task(run_a, run_b, name, margin, tuple(allow_different), seed) for name in names
    ]
    notes += _notes(compared)
    adjusted = adjust([c.verdict for c in compared])
    rows = tuple(evolve(c, verdict=v) for c, v in zip(compared, adjusted, strict=True))
    suites = _compare_suites(run_a, run_b, {c.name: c for c in compared}, margin)
    return Comparison(run_a, run_b, rows, suites, tuple(notes))


def _shared(a: Run, b: Run, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    names_a, names_b = a.task_names, b.task_names
    for name in wanted:
        a.task_record(name)
        b.task_record(name)
    shared = [n for n in (wanted or names_a) if n in names_b]
    if not shared:
        raise UsageError(
            f"runs {a.run_id} and {b.run_id} have no task in common",
            hint=f"one has {', '.join(names_a)}; the other {', '.join(names_b)}",
        )
    notes = []
    for run, names, others in ((a, names_a, names_b), (b, names_b, names_a)):
        alone = [n for n in names if n not in others]
        if alone and not wanted:
            notes.append(f"only in {run.run_id}: {', '.join(alone)}")
    return shared, notes


def _compare_task(
    a: Run, b: Run, name: str, margin: float | None, allowed: tuple[str, ...], seed: int
) -> TaskComparison:
    differences = lock_differences(a.record, b.record, name, allowed)
    entry = _metric(a, name)
    if entry["key"] not in {m["key"] for m in b.task_record(name)["metrics"]}:
        raise UsageError(
            f"{name}: run {b.run_id} has no metric {entry['key']}",
            hint="rescore it with the metrics of the other run",
        )
    found = pairs(a, b, name, entry["key"])
    if len(found.a) == 0:
        raise UsageError(f"{name}: the runs share no scored question")
    higher = bool(entry["higher_is_better"])
    if entry["weighted"]:
        verdict = compare_ratios(
            found.a * found.weights_a,
            found.b * found.weights_b,
            found.weights_a,
            denominators_b=None if _same(found) else found.weights_b,
            clusters=found.clusters,
            higher_is_better=higher,
            margin=margin,
            seed=seed,
        )
        scores = tuple(
            float((v * w).sum() / w.sum())
            for v, w in ((found.a, found.weights_a), (found.b, found.weights_b))
        )
    else:
        verdict = compare_scores(
            found.a,
            found.b,
            clusters=found.clusters,
            higher_is_better=higher,
            margin=margin,
            seed=seed,
        )
        scores = (float(found.a.mean()), float(found.b.mean()))
    label = entry["metric"]
    if entry.get("transform") == "exp":
        # tested on the log scale, on which the metric is a mean
        label = f"log {label}"
    return TaskComparison(
        name, label, "task", scores[0], scores[1], verdict, found.only_a, found.only_b, differences
    )


def _same(found: Pairs) -> bool:
    return bool(np.array_equal(found.weights_a, found.weights_b))


def _metric(run: Run, task: str) -> dict[str, Any]:
    """The primary metric of a task, as the run recorded it."""
    entry = run.task_record(task)
    return dict(next(m for m in entry["metrics"] if m["key"] == entry["primary"]))


def pairs(a: Run, b: Run, task: str, key: str) -> Pairs:
    """Pair the instances of two runs by id, where both have a value."""
    ids_a, value_a, weight_a, clusters = _columns(a, task, key)
    ids_b, value_b, weight_b, _ = _columns(b, task, key)
    where = pc.index_in(ids_a, value_set=ids_b.combine_chunks())
    found = np.asarray(pc.fill_null(where, -1))
    in_a = (found >= 0) & ~np.isnan(value_a)
    both = in_a.copy()
    both[in_a] = ~np.isnan(value_b[found[in_a]])
    index_b = found[both]
    labels = None
    if clusters.null_count < len(clusters):
        labels = clusters.filter(pa.array(both)).to_pylist()
    return Pairs(
        ids=ids_a.filter(pa.array(both)),
        a=value_a[both],
        b=value_b[index_b],
        weights_a=weight_a[both],
        weights_b=weight_b[index_b],
        clusters=labels,
        only_a=int((~np.isnan(value_a)).sum() - both.sum()),
        only_b=int((~np.isnan(value_b)).sum() - both.sum()),
    )


def _columns(run: Run, task: str, key: str) -> tuple[Any, FloatArray, FloatArray, Any]:
    names = ["instance_id", "cluster", f"values.{key}", f"weights.{key}"]
    table = run.instances(task, names)
    values, weights = table.column("values"), table.column("weights")
    return (
        table.column("instance_id"),
        _floats(values, key, math.nan),
        _floats(weights, key, 1.0),
        table.column("cluster"),
    )


def _floats(column: pa.ChunkedArray, key: str, missing: float) -> FloatArray:
    inner = pc.struct_field(column, [key]) if len(column) else pa.array([], pa.float64())
    return np.asarray(pc.fill_null(inner, missing), dtype=np.float64)


def _notes(compared: Sequence[TaskComparison]) -> list[str]:
    notes = []
    for row in compared:
        if row.only_a or row.only_b:
            notes.append(
                f"{row.name}: compared on {row.verdict.n:,} shared questions; "
                f"{row.only_a:,} are scored only in A and {row.only_b:,} only in B"
            )
        for difference in row.differences:
            notes.append(f"{row.name}: {difference.sentence()} (allowed)")
    return notes


def _compare_suites(
    a: Run, b: Run, tasks: Mapping[str, TaskComparison], margin: float | None
) -> tuple[TaskComparison, ...]:
    """Suites that both runs sum up alike, tested on the average that they report."""
    others = b.suites()
    rows = []
    for node in a.suites():
        row = _compare_suite(node, tasks, margin) if node in others else None
        if row is not None:
            rows.append(row)
    adjusted = adjust([row.verdict for row in rows]) if rows else []
    return tuple(evolve(r, verdict=v) for r, v in zip(rows, adjusted, strict=True))


def _compare_suite(
    node: SuiteNode, tasks: Mapping[str, TaskComparison], margin: float | None
) -> TaskComparison | None:
    known = [tasks[n] for n in node.leaves() if n in tasks]
    if len({row.verdict.higher_is_better for row in known}) != 1:
        return None

    def combine(parts: Sequence[_Part], names: Sequence[str] | None) -> _Part:
        weights = [float(tasks[n].verdict.n) for n in names] if names else [1.0] * len(parts)
        verdict = macro_verdict([p.verdict for p in parts], weights, margin)
        total = sum(weights)
        mean_a = sum(p.a * w for p, w in zip(parts, weights, strict=True)) / total
        mean_b = sum(p.b * w for p, w in zip(parts, weights, strict=True)) / total
        return _Part(mean_a, mean_b, verdict)

    def of_task(name: str) -> _Part | None:
        row = tasks.get(name)
        return None if row is None else _Part(row.score_a, row.score_b, row.verdict)

    part = aggregate(node, of_task, combine)
    if part is None:
        return None
    return TaskComparison(node.name, node.aggregation, "suite", part.a, part.b, part.verdict)


@frozen
class _Part:
    a: float
    b: float
    verdict: Verdict


def flips(a: Run, b: Run, task: str, show: str = "all") -> Iterator[Flip]:
    """The questions on which two runs differ, largest difference first."""
    entry = _metric(a, task)
    found = pairs(a, b, task, entry["key"])
    sign = 1 if entry["higher_is_better"] else -1
    gain = (found.b - found.a) * sign
    wanted = {"all": gain != 0, "regressed": gain < 0, "improved": gain > 0}
    if show not in wanted:
        raise UsageError(f"show is one of {', '.join(wanted)}, not {show!r}")
    chosen = np.flatnonzero(wanted[show])
    chosen = chosen[np.argsort(-np.abs(gain[chosen]), kind="stable")]
    ids = found.ids.to_pylist()
    texts_a, texts_b = _answers(a, task), _answers(b, task)
    for i in chosen:
        name = ids[i]
        question, gold, answer_a = texts_a[name]
        yield Flip(
            name, question, gold, float(found.a[i]), float(found.b[i]), answer_a, texts_b[name][2]
        )


def _answers(run: Run, task: str) -> dict[str, tuple[str, str | None, str]]:
    """Question, gold and answer of every instance, as text for people."""
    table = run.instances(task, ["instance_id", "question", "gold", "request", "outputs"])
    return {
        row["instance_id"]: (row["question"] or "", row["gold"], answer(row))
        for row in table.to_pylist()
    }


def answer(row: Mapping[str, Any]) -> str:
    """What the model answered: the first sample's text, or the continuation it found likeliest."""
    outputs = row["outputs"] or []
    if not outputs:
        return ""
    if outputs[0]["text"] is not None:
        return str(outputs[0]["text"])
    continuations = row["request"]["continuations"] or []
    strengths = [o["sum_logprob"] if o["sum_logprob"] is not None else -math.inf for o in outputs]
    distinct = len(dict.fromkeys(continuations)) or 1
    best = max(range(min(distinct, len(strengths))), key=strengths.__getitem__)
    return f"{continuations[best].strip()} ({strengths[best]:.3f})"


__all__ = ["Comparison", "Flip", "TaskComparison", "compare", "flips", "open_run", "pairs"]
