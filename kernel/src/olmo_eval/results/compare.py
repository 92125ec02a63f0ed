"""Comparing two runs: paired, question by question, ending in a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from olmo_eval.common.sequences import items
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.results.comparison_notes import remarks
from olmo_eval.results.comparison_text import comparison_lines
from olmo_eval.results.differences import Difference, lock_differences
from olmo_eval.results.flips import Flip, flips
from olmo_eval.results.health import divergence
from olmo_eval.results.naming import paired_names
from olmo_eval.results.pairing import Pairs, pairs, primary_metric
from olmo_eval.results.statistics import (
    Verdict,
    adjust,
    compare_ratios,
    compare_scores,
    macro_verdict,
)
from olmo_eval.results.store import Run, Store, default_results, frame
from olmo_eval.results.suites import SuiteNode, aggregate

if TYPE_CHECKING:
    from olmo_eval.results.slices import SliceReport


@frozen
class TaskComparison:
    """One task, compared. ``score_a`` and ``score_b`` are over the shared instances.

    ``only_a`` and ``only_b`` count instances that are scored in one run alone; ``missing_a`` and
    ``missing_b`` those that a run should have scored and did not. ``logarithmic`` says that the
    scores are logarithms of what the runs report (perplexities). ``name_b`` is what the second run
    calls the task, where it was asked for with other overrides.
    """

    name: str
    metric: str
    kind: str
    score_a: float
    score_b: float
    verdict: Verdict
    only_a: int = 0
    only_b: int = 0
    missing_a: int = 0
    missing_b: int = 0
    differences: tuple[Difference, ...] = ()
    logarithmic: bool = False
    name_b: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "score_a": self.score_a,
            "score_b": self.score_b,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "missing_a": self.missing_a,
            "missing_b": self.missing_b,
            "differences": [d.to_dict() for d in self.differences],
            "verdict": self.verdict.to_dict(),
        }


@frozen
class Comparison:
    """Two runs, compared: baseline A and candidate B.

    ``notes`` says what was left out and why; nothing is left out silently. Printed it is the table
    that ``olmo-eval compare`` prints.
    """

    a: Run
    b: Run
    tasks: tuple[TaskComparison, ...]
    suites: tuple[TaskComparison, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(comparison_lines(self))

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
        return frame(self.to_arrow())

    def flips(self, task: str, show: str = "all") -> Iterator[Flip]:
        """The questions of ``task`` on which the runs differ: ``regressed``, ``improved``, or
        ``all`` of them.
        """
        other = next((row.name_b for row in self.tasks if row.name == task), None)
        return flips(self.a, self.b, task, show, other)

    def slices(self, seed: int = 0) -> SliceReport:
        """Where exactly the runs differ: slices of the questions of all tasks, judged together."""
        from olmo_eval.results.slices import slice_report

        names = [(row.name, row.name_b or row.name) for row in self.tasks]
        return slice_report(self.a, self.b, names, seed=seed)


def compare(
    a: str | Run,
    b: str | Run,
    *,
    results: str | None = None,
    tasks: Sequence[str] = (),
    margin: float | None = None,
    allow_different: Sequence[str] = (),
    seed: int = 0,
) -> Comparison:
    """Compare candidate ``b`` with baseline ``a``; each is a run or names one.

    Names are looked up in ``results``: by default ``OLMO_EVAL_RESULTS``, else ``./results``.
    ``margin`` (in units of the score) asks for equivalence within it. ``allow_different`` names
    inputs that may differ (``fewshot``, ``data``, ...); others refuse the comparison.

    Raises:
        UsageError: the runs share nothing, or a task was asked in different ways. OlmoEvalError: a
            model has diverged.
    """
    if margin is not None and not 0 < margin < math.inf:
        raise UsageError(f"margin: expected a positive number, got {margin}")
    store = Store(default_results() if results is None else results)
    run_a = a if isinstance(a, Run) else store.find(a)
    run_b = b if isinstance(b, Run) else store.find(b)
    paired, notes = _shared(run_a, run_b, items(tasks))
    names = list(paired)
    if run_a.run_id == run_b.run_id:
        notes.append("A and B are the same run")
    engines = [run.record.get("model", {}).get("provider") for run in (run_a, run_b)]
    if engines[0] != engines[1]:
        notes.append("A was answered by the provider {}, B by {}".format(*engines))
    for side, run, its_names in (("A", run_a, names), ("B", run_b, list(paired.values()))):
        notes += _diverged(side, run, its_names)
    compared = [
        _compare_task(run_a, run_b, name, other, margin, items(allow_different), seed)
        for name, other in paired.items()
    ]
    notes += remarks(run_a, run_b, paired, compared)
    adjusted = adjust([c.verdict for c in compared])
    rows = tuple(evolve(c, verdict=v) for c, v in zip(compared, adjusted, strict=True))
    suites, left_out = _compare_suites(run_a, run_b, compared, margin)
    if not tasks:
        notes += left_out
    return Comparison(run_a, run_b, rows, suites, tuple(notes))


def _shared(a: Run, b: Run, wanted: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The tasks to compare, as A and as B call them; and a note on those that only one has."""
    names_a, names_b = a.task_names, b.task_names
    shared = paired_names(names_a, names_b)
    if wanted:
        of_a = [a.task_record(name)["name"] for name in wanted]
        shared = {n: shared.get(n) or b.task_record(n)["name"] for n in of_a}
    if not shared:
        raise UsageError(
            f"runs {a.run_id} and {b.run_id} have no task in common",
            hint=f"one has {', '.join(names_a)}; the other {', '.join(names_b)}",
        )
    notes = [f"{n} of A is {other} of B" for n, other in shared.items() if n != other]
    for run, names, others in ((a, names_a, shared.keys()), (b, names_b, shared.values())):
        alone = [n for n in names if n not in others]
        if alone and not wanted:
            notes.append(f"only in {run.run_id}: {', '.join(alone)}")
    return shared, notes


def _diverged(side: str, run: Run, names: Sequence[str]) -> list[str]:
    """A note where the run's model has diverged elsewhere than in the tasks that are compared.

    Raises:
        OlmoEvalError: it has in one of these.
    """
    found = divergence(run.record, names)
    if found:
        raise OlmoEvalError(
            f"{side}, run {run.run_id}: {found}",
            hint="there is nothing to compare: see to the model",
        )
    elsewhere = divergence(run.record)
    return [f"{side}: {elsewhere}"] if elsewhere else []


def _compare_task(
    a: Run, b: Run, name: str, other: str, margin: float | None, allowed: tuple[str, ...], seed: int
) -> TaskComparison:
    differences = lock_differences(a.record, b.record, name, allowed, other)
    entry = primary_metric(a, name)
    if entry["key"] not in {m["key"] for m in b.task_record(other)["metrics"]}:
        raise UsageError(
            f"{name}: run {b.run_id} has no metric {entry['key']}",
            hint="rescore it with the metrics of the other run",
        )
    _refuse_computed(a, b, name, other, entry["key"])
    _refuse_opposite(a, b, name, other, entry)
    found = pairs(a, b, name, entry["key"], other)
    if len(found.a) == 0:
        raise UsageError(f"{name}: the runs share no scored question")
    verdict = paired_verdict(found, entry, margin, seed)
    scores = tuple(
        float((v * w).sum() / w.sum()) if entry["weighted"] else float(v.mean())
        for v, w in ((found.a, found.weights_a), (found.b, found.weights_b))
    )
    # tested on the log scale, on which the metric is a mean
    logarithmic = entry.get("transform") == "exp"
    return TaskComparison(
        name,
        f"log {entry['metric']}" if logarithmic else entry["metric"],
        "task",
        scores[0],
        scores[1],
        verdict,
        found.only_a,
        found.only_b,
        _missing(a, name, len(found.a) + found.only_a),
        _missing(b, other, len(found.a) + found.only_b),
        differences,
        logarithmic,
        other,
    )


def paired_verdict(
    found: Pairs,
    entry: Mapping[str, Any],
    margin: float | None = None,
    seed: int = 0,
    alpha: float = 0.05,
) -> Verdict:
    """The verdict on paired questions, by the metric that a run recorded as ``entry``."""
    higher = bool(entry["higher_is_better"])
    if not entry["weighted"]:
        return compare_scores(
            found.a,
            found.b,
            clusters=found.clusters,
            higher_is_better=higher,
            margin=margin,
            alpha=alpha,
            seed=seed,
        )
    return compare_ratios(
        found.a * found.weights_a,
        found.b * found.weights_b,
        found.weights_a,
        denominators_b=None if _same(found) else found.weights_b,
        clusters=found.clusters,
        higher_is_better=higher,
        margin=margin,
        alpha=alpha,
        seed=seed,
    )


def _refuse_computed(a: Run, b: Run, name: str, name_b: str, key: str) -> None:
    """Refuse a score that is no mean over questions: there is nothing to pair.

    Raises:
        UsageError: naming the metric.
    """
    for run, called in ((a, name), (b, name_b)):
        if any(m["key"] == key and m.get("computed") for m in run.task_record(called)["metrics"]):
            raise UsageError(
                f"{name}: {key} of run {run.run_id} is computed from all responses at once, so "
                "questions cannot be paired by it",
                hint="rescore both runs with a primary_metric that has a value for each question",
            )


def _refuse_opposite(a: Run, b: Run, name: str, name_b: str, entry: Mapping[str, Any]) -> None:
    """Raise where the runs do not agree on which direction of a metric is better."""
    other = next(m for m in b.task_record(name_b)["metrics"] if m["key"] == entry["key"])
    if other["higher_is_better"] != entry["higher_is_better"]:
        better, worse = (a, b) if entry["higher_is_better"] else (b, a)
        raise UsageError(
            f"{name}: higher {entry['metric']} is better in run {better.run_id} and worse in run "
            f"{worse.run_id}",
            hint="the task or external eval has changed what it declares: run one of them anew",
        )


def _missing(run: Run, task: str, scored: int) -> int:
    return int(run.task_record(task).get("n_expected") or scored) - scored


def _same(found: Pairs) -> bool:
    return bool(np.array_equal(found.weights_a, found.weights_b))


def _compare_suites(
    a: Run, b: Run, compared: Sequence[TaskComparison], margin: float | None
) -> tuple[tuple[TaskComparison, ...], list[str]]:
    """Suites that both runs sum up alike, tested on the average that they report; and a note for
    each of the others.
    """
    tasks = {row.name: row for row in compared}
    in_a, in_b = a.suites(), b.suites()
    suites = paired_names([node.name for node in in_a], [node.name for node in in_b])
    as_in_a = {other: name for name, other in suites.items()}
    as_in_a |= {row.name_b or row.name: row.name for row in compared}
    in_b = [_renamed(node, as_in_a) for node in in_b]
    rows, notes = [], []
    for node in in_a:
        row = _compare_suite(node, tasks, margin) if node in in_b else None
        if row is not None:
            rows.append(row)
        elif node not in in_b:
            notes.append(f"suite {node.name} is not the same in both runs")
        elif node.aggregation not in ("none", "display_only"):
            notes.append(f"suite {node.name} has no average that could be compared")
    known = {node.name for node in in_a}
    notes += [f"suite {n.name} is not the same in both runs" for n in in_b if n.name not in known]
    adjusted = adjust([row.verdict for row in rows]) if rows else []
    compared = tuple(evolve(r, verdict=v) for r, v in zip(rows, adjusted, strict=True))
    return compared, notes


def _renamed(node: SuiteNode, names: Mapping[str, str]) -> SuiteNode:
    """A suite of B, it and its tasks called as in A."""
    members = tuple(
        _renamed(m, names) if isinstance(m, SuiteNode) else names.get(m, m) for m in node.members
    )
    return evolve(node, name=names.get(node.name, node.name), members=members)


def _compare_suite(
    node: SuiteNode, tasks: Mapping[str, TaskComparison], margin: float | None
) -> TaskComparison | None:
    known = [tasks[n] for n in node.leaves() if n in tasks]
    logarithmic = {row.logarithmic for row in known}
    if len({row.verdict.higher_is_better for row in known}) != 1 or len(logarithmic) != 1:
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
    label = f"{node.aggregation}, log" if logarithmic == {True} else node.aggregation
    return TaskComparison(node.name, label, "suite", part.a, part.b, part.verdict)


@frozen
class _Part:
    a: float
    b: float
    verdict: Verdict
