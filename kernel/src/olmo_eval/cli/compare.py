"""``olmo-eval compare``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from olmo_eval.cli.junit import clear_junit, write_junit
from olmo_eval.cli.options import (
    allow_different_option,
    json_option,
    markdown_option,
    results_option,
)
from olmo_eval.errors import MissingDependencyError, OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison
    from olmo_eval.results.matrix import Matrix
    from olmo_eval.results.run import Run


@click.command()
@click.argument("runs", metavar="[RUN_A] RUN_B [RUN_C]...", nargs=-1, required=True)
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
@click.option("--slices", is_flag=True, help="Also show on which questions they differ: slices.")
@click.option("--margin", type=float, help="Ask for equivalence within this difference.")
@allow_different_option
@click.option("--best", is_flag=True, help="Compare RUN with the best of the other checkpoints.")
@click.option("--previous", is_flag=True, help="... with the checkpoint before it.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML, for CI.")
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
@markdown_option
@json_option
def compare(
    runs: Sequence[str],
    results: str,
    tasks: Sequence[str],
    show: str | None,
    count: int,
    slices: bool,
    margin: float | None,
    allow_different: Sequence[str],
    best: bool,
    previous: bool,
    junit: Path | None,
    fail_on: Sequence[str],
    html: Path | None,
    markdown: bool,
    as_json: bool,
) -> int:
    """Compare candidate RUN_B with baseline RUN_A, question by question; or several, in a matrix.

    A run is a path, the beginning of an id, or a query: model=step1000,group=nightly,latest. A
    query alone that several checkpoints match (group=nightly) compares all of them. RUN alone is
    compared with the baseline that was set (`olmo-eval baseline set`), else with the checkpoint
    before it in its group.
    """
    from olmo_eval.results.compare import compare as compare_two
    from olmo_eval.results.matrix import compare_many

    if junit is not None:
        clear_junit(junit)
    compared, why = _to_compare(runs, results, tasks, best, previous)
    settings: dict[str, Any] = {
        "results": results,
        "tasks": tasks,
        "margin": margin,
        "allow_different": allow_different,
    }
    if len(compared) == 2:
        found = compare_two(compared[0], compared[1], **settings)
        found = evolve(found, notes=(*why, *found.notes))
        made = [found]
        _show_pair(found, show, count, slices, as_json, markdown)
        if html is not None:
            _write_page(found, html)
    else:
        for name, asked in (("--show", show), ("--slices", slices), ("--html", html)):
            if asked:
                raise UsageError(f"{name} is for two runs", hint="compare the pair of interest")
        matrix = compare_many(compared, **settings)
        made = list(matrix.comparisons.values())
        _show_matrix(matrix, as_json, markdown)
    if junit is not None:
        write_junit(junit, made, fail_on)
    return int(any(row.verdict.kind in fail_on for c in made for row in c.rows))


def _to_compare(
    runs: Sequence[str], results: str, tasks: Sequence[str], best: bool, previous: bool
) -> tuple[Sequence[str | Run], list[str]]:
    """The runs to compare, baseline first, and a note on the one that nobody named.

    Raises:
        UsageError: there is no baseline, or one is named and asked for as well.
    """
    from olmo_eval.results.baseline import choose_baseline
    from olmo_eval.results.store import Store, checkpoints, is_query

    if len(runs) > 1 or (best and previous):
        if best or previous:
            raise UsageError(
                "--best and --previous choose the baseline of a single run",
                hint="compare RUN --best, or compare RUN --previous",
            )
        return runs, []
    store = Store(results)
    if is_query(runs[0]) and not (best or previous):
        found = checkpoints(store.find_all(runs[0]), tasks)
        if len(found) > 1:
            return found, []
    candidate = store.find(runs[0])
    choice: Any = "best" if best else "previous" if previous else None
    baseline = choose_baseline(store, candidate, choice, tasks)
    return [baseline.run, candidate], [f"A is {baseline.why}"]


def _show_pair(
    found: Comparison, show: str | None, count: int, slices: bool, as_json: bool, markdown: bool
) -> None:
    from olmo_eval.cli.show import print_comparison, print_flips, print_json
    from olmo_eval.cli.slices import print_slices

    if as_json:
        data = found.to_dict()
        if show:
            data["flips"] = {
                t.name: [f.to_dict() for f in found.flips(t.name, show)] for t in found.tasks
            }
        if slices:
            data["slices"] = found.slices().to_dict()
        print_json(data)
        return
    print_comparison(found, markdown=markdown)
    if slices:
        print_slices(found.slices(), markdown=markdown)
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
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.comparison_text import matrix_lines

    if as_json:
        print_json(matrix.to_dict())
    else:
        click.echo("\n".join(matrix_lines(matrix, markdown=markdown)))
