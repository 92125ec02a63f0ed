"""``olmo-eval compare``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, results_option
from olmo_eval.errors import MissingDependencyError, OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison
    from olmo_eval.results.matrix import Matrix


@click.command()
@click.argument("runs", metavar="RUN_A RUN_B [RUN_C]...", nargs=-1, required=True)
@results_option
@click.option("-t", "--task", "tasks", multiple=True, help="Compare only this task. Repeatable.")
@click.option(
    "--show",
    type=click.Choice(["regressed", "improved", "all"]),
    help="Also show the questions that flipped, with both answers.",
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="Questions to show a task.",
)
@click.option("--margin", type=float, help="Ask for equivalence within this difference.")
@click.option("--allow-different", multiple=True, metavar="INPUT", help="An input that may differ.")
@click.option(
    "--fail-on",
    type=click.Choice(["worse", "better", "undecided"]),
    multiple=True,
    help="Exit with 1 when a task or suite has this verdict. Repeatable.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write one HTML page that opens offline (needs olmo-eval-viewer).",
)
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@json_option
def compare(
    runs: Sequence[str],
    results: str,
    tasks: Sequence[str],
    show: str | None,
    count: int,
    margin: float | None,
    allow_different: Sequence[str],
    fail_on: Sequence[str],
    html: Path | None,
    markdown: bool,
    as_json: bool,
) -> int:
    """Compare candidate RUN_B with baseline RUN_A, question by question; or several, in a matrix.

    A run is a path, the beginning of an id, or a query: model=step1000,group=nightly,latest.
    """
    from olmo_eval.results.compare import compare as compare_two
    from olmo_eval.results.matrix import compare_many

    if len(runs) < 2:
        raise UsageError("compare needs two runs or more", hint="`olmo-eval results list`")
    settings: dict[str, Any] = {
        "results": results,
        "tasks": tasks,
        "margin": margin,
        "allow_different": allow_different,
    }
    if len(runs) == 2:
        found = compare_two(runs[0], runs[1], **settings)
        _show_pair(found, show, count, as_json, markdown)
        if html is not None:
            _write_page(found, html)
        kinds = {row.verdict.kind for row in found.rows}
    else:
        matrix = compare_many(runs, **settings)
        if show or html:
            name = "--show" if show else "--html"
            raise UsageError(f"{name} is for two runs", hint="compare the pair of interest")
        _show_matrix(matrix, as_json, markdown)
        kinds = {row.verdict.kind for c in matrix.comparisons.values() for row in c.rows}
    return int(bool(kinds & set(fail_on)))


def _show_pair(
    found: Comparison, show: str | None, count: int, as_json: bool, markdown: bool
) -> None:
    from olmo_eval.cli.show import print_comparison, print_flips, print_json

    if as_json:
        data = found.to_dict()
        if show:
            data["flips"] = {
                t.name: [f.to_dict() for f in found.flips(t.name, show)] for t in found.tasks
            }
        print_json(data)
        return
    print_comparison(found, markdown=markdown)
    if show:
        for task in found.tasks:
            flips = list(found.flips(task.name, show))
            print_flips(task.name, show, list(islice(flips, count)), len(flips))


def _write_page(found: Comparison, path: Path) -> None:
    """Write the page of a comparison, whole or not at all.

    Raises:
        MissingDependencyError: no plugin makes pages. OlmoEvalError: it cannot be written.
    """
    from olmo_eval import plugins

    page = plugins.manager().first_answer("comparison_page", comparison=found)
    if page is None:
        raise MissingDependencyError(
            "no plugin makes a page of a comparison", hint="pip install olmo-eval-viewer"
        )
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OlmoEvalError(
            f"cannot write {path}: {error.strerror or error}", hint="choose another place"
        ) from error


def _show_matrix(matrix: Matrix, as_json: bool, markdown: bool) -> None:
    from olmo_eval.cli.show import lower_is_better, matrix_cell, print_json
    from olmo_eval.cli.table import table

    if as_json:
        print_json(matrix.to_dict())
        return
    n = len(matrix.runs)
    for i, run in enumerate(matrix.runs):
        click.echo(f"{chr(65 + i)}  {run.model}   run {run.run_id}")
    for name in matrix.names():
        asked = f"{name}: column minus row on {_questions(matrix, name)} questions"
        click.echo(f"\n{asked}, p after Holm over every pair and task")
        if markdown:
            click.echo()
        columns = [("", "left"), *((chr(65 + j), "left") for j in range(1, n))]
        rows = []
        for i in range(n - 1):
            cells = [matrix_cell(matrix.row(name, i, j)) if j > i else "" for j in range(1, n)]
            rows.append([chr(65 + i), *cells])
        table(columns, rows, markdown=markdown)
    rows_of_all = [row for c in matrix.comparisons.values() for row in c.rows]
    lower_is_better([row.metric for row in rows_of_all if not row.verdict.higher_is_better])
    notes = dict.fromkeys(note for c in matrix.comparisons.values() for note in c.notes)
    for note in notes:
        click.echo(f"note: {note}")


def _questions(matrix: Matrix, name: str) -> str:
    """How many questions the pairs share; from least to most where they do not share as many."""
    rows = [row for c in matrix.comparisons.values() for row in c.rows if row.name == name]
    least, most = min(r.verdict.n for r in rows), max(r.verdict.n for r in rows)
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
