"""Comparisons as people read them, on the command line and by ``print(compare(...))``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from olmo_eval.common.aggregation import AggregationStrategy
from olmo_eval.common.figures import counted, interval, interval_signed, number, p_value
from olmo_eval.common.text_tables import table_lines
from olmo_eval.results.statistics.verdict import rounded

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison, TaskComparison
    from olmo_eval.results.matrix import Matrix
    from olmo_eval.results.run import Run

_COMPARED = (
    ("task", "left"),
    ("metric", "left"),
    ("A", "right"),
    ("B", "right"),
    ("B - A", "right"),
    ("95% interval", "left"),
    ("p", "right"),
    ("p (Holm)", "right"),
    ("won/lost/tied", "right"),
    ("verdict", "left"),
)


def comparison_lines(comparison: Comparison, *, markdown: bool = False) -> list[str]:
    """Two runs, a row a task and suite, then what tested them and the notes."""
    end = "  " if markdown else ""
    rows = comparison.rows
    methods = dict.fromkeys(row.verdict.method for row in rows)
    return [
        f"A  {_named(comparison.a)}{end}",
        f"B  {_named(comparison.b)}",
        "",
        *table_lines(_COMPARED, [_compared_row(row) for row in rows], markdown=markdown),
        "",
        f"overall: {comparison.kind}; tested by {', '.join(methods)}; won = B better",
        *lower_is_better([r.metric for r in rows if not r.verdict.higher_is_better]),
        *(f"note: {note}" for note in comparison.notes),
    ]


def matrix_lines(matrix: Matrix, *, markdown: bool = False) -> list[str]:
    """Several runs: for each task and suite every run's own score, and every pair's difference."""
    labels = run_labels(len(matrix.runs))
    lines = [f"{label}  {_named(run)}" for label, run in zip(labels, matrix.runs, strict=True)]
    for name in matrix.names():
        asked = f"column minus row on {_shared(matrix, name)}"
        lines += ["", f"{name}: the score of each run by itself, and {asked}"]
        lines += [""] if markdown else []
        lines += _matrix_table(matrix, name, labels, markdown)
    every = [row for c in matrix.comparisons.values() for row in c.rows]
    notes = dict.fromkeys(note for c in matrix.comparisons.values() for note in c.notes)
    return [
        *lines,
        "",
        "p after Holm over every pair and task",
        *lower_is_better([row.metric for row in every if not row.verdict.higher_is_better]),
        *(f"note: {note}" for note in notes),
    ]


def _matrix_table(matrix: Matrix, name: str, labels: Sequence[str], markdown: bool) -> list[str]:
    n = len(matrix.runs)
    columns = [("", "left"), ("score", "right"), ("95% interval", "left")]
    columns += [(label, "left") for label in labels[1:]]
    rows = []
    for i, scores in enumerate(matrix.scores):
        own = scores.get(name)
        shown = (
            ["-", "-"] if own is None else [number(own.value), interval(own.ci_low, own.ci_high)]
        )
        cells = [matrix_cell(matrix.row(name, i, j)) if j > i else "" for j in range(1, n)]
        rows.append([labels[i], *shown, *cells])
    return table_lines(columns, rows, markdown=markdown)


def run_labels(n: int) -> list[str]:
    """A to Z, then AA to AZ and so on."""
    letters = [chr(65 + i) for i in range(26)]
    found = [*letters, *(a + b for a in letters for b in letters)]
    return found[:n] if n <= len(found) else [str(i + 1) for i in range(n)]


def lower_is_better(metrics: Sequence[str]) -> Iterator[str]:
    """A line that says of which metrics less is more; none where there is none."""
    if metrics:
        yield f"lower is better: {', '.join(dict.fromkeys(metrics))}"


def mean_over(aggregation: str) -> str:
    """In words: ``average`` is a mean over tasks, ``average, log`` one of logarithms."""
    strategy, comma, rest = aggregation.partition(",")
    return f"{AggregationStrategy(strategy).words}{comma}{rest}"


def verdict_words(row: TaskComparison) -> str:
    verdict = row.verdict
    if verdict.kind == "equivalent":
        return f"equivalent within {verdict.equivalence_margin:g}"
    if verdict.kind == "undecided" and verdict.needs_more is not None:
        return f"undecided: needs about {counted(rounded(verdict.needs_more), 'more question')}"
    return verdict.kind


def matrix_cell(row: TaskComparison | None) -> str:
    """``+0.0312 (p 0.004, better)``: one pair in a matrix."""
    if row is None:
        return "-"
    verdict = row.verdict
    return f"{verdict.difference:+.4f} (p {p_value(verdict.p_adjusted)}, {verdict.kind})"


def _named(run: Run) -> str:
    return f"{run.model}   run {run.run_id}"


def _compared_row(row: TaskComparison) -> list[str]:
    verdict = row.verdict
    return [
        row.name,
        mean_over(row.metric) if row.kind == "suite" else row.metric,
        number(row.score_a),
        number(row.score_b),
        f"{verdict.difference:+.4f}",
        interval_signed(verdict.ci_low, verdict.ci_high),
        p_value(verdict.p_value),
        p_value(verdict.p_adjusted),
        f"{verdict.wins:,}/{verdict.losses:,}/{verdict.ties:,}",
        verdict_words(row),
    ]


def _shared(matrix: Matrix, name: str) -> str:
    """How many questions the pairs share; from least to most where they do not share as many."""
    rows = [row for c in matrix.comparisons.values() for row in c.rows if row.name == name]
    least, most = min(r.verdict.n for r in rows), max(r.verdict.n for r in rows)
    return counted(most, "question") if least == most else f"{least:,} to {most:,} questions"
