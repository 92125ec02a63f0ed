"""``olmo-eval verify``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.results.verify import Verification


@click.command()
@click.argument("what", required=False, metavar="[RUN|STORE|PAGE]")
@click.option("--rows-only", is_flag=True, help="Do not score the stored answers again.")
@results_option
@json_option
def verify(what: str | None, rows_only: bool, results: str, as_json: bool) -> None:
    """Check that RUN, every run of a store, or a PAGE of `compare --html` is what was written.

    Every file is compared with its digest; a changed byte is named with its file and place. Every
    score is computed anew: the stored answers are extracted and scored again where the task, its
    data and its code are here as they were (no model is asked), and scores come from rows only
    where they are not. Without RUN, the whole store of --results. Exits with 1 where something is
    wrong.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.errors import DataError

    found = list(_checked(what, results, rows_only, show=not as_json))
    if as_json:
        print_json([one.to_dict() for one in found])
    wrong = [one for one in found if not one.sound]
    if wrong:
        told = f"{len(wrong):,} of {len(found):,} runs are"
        if len(found) == 1:
            told = f"{'page' if is_file(what) else 'run'} {wrong[0].run_id} is"
        raise DataError(
            f"{told} not as written",
            hint="bring back a copy of what is named; or its command with --fresh makes a run anew",
        )
    if not as_json and len(found) != 1:
        click.echo(f"{len(found):,} runs, nothing wrong" if found else "no runs")


def _checked(
    what: str | None, results: str, rows_only: bool, *, show: bool
) -> Iterator[Verification]:
    from olmo_eval.results.verify import verify_run, verify_store
    from olmo_eval.runner.reproduce import score_again

    again = None if rows_only else score_again
    place = what if what and is_store(what) else results
    if what is None or place is what:
        runs: Iterator[Verification] = verify_store(place, again)
    elif is_file(what):
        runs = iter([_page(Path(what))])
    else:
        runs = iter([verify_run(located(what, results), again)])
    for one in runs:
        if show:
            _show(one)
        yield one


def is_file(place: str | None) -> bool:
    """Whether ``place`` is a file, which no run is."""
    return place is not None and "://" not in place and Path(place).is_file()


def _page(path: Path) -> Verification:
    """What a plugin finds out of a page.

    Raises:
        DataError: it is no page of a comparison. MissingDependencyError: no plugin knows pages.
    """
    from olmo_eval import plugins
    from olmo_eval.errors import DataError, MissingDependencyError

    found = plugins.manager().first_answer(
        "verify_page", page=path.read_bytes(), location=str(path)
    )
    if found is not None:
        checked: Verification = found
        return checked
    if not plugins.manager().observes("verify_page"):
        raise MissingDependencyError(
            "no plugin reads pages of comparisons", hint="pip install olmo-eval-viewer"
        )
    raise DataError(
        f"{path} is no page of `olmo-eval compare --html`: it has no data",
        hint="or it was changed where the data begins",
    )


def is_store(place: str) -> bool:
    """Whether ``place`` is a folder or URL with runs below it, and no run itself."""
    from pyarrow import fs

    from olmo_eval.common.filesystem import open_filesystem

    if "=" in place:
        return False
    filesystem, path = open_filesystem(place)
    found = filesystem.get_file_info(f"{path}/runs")
    return bool(found.type is fs.FileType.Directory)


def located(reference: str, results: str) -> str:
    """Where the run is that ``reference`` names: also one whose ``run.json`` cannot be read.

    Raises:
        UnknownNameError, UsageError: there is none, or there are several.
    """
    from olmo_eval.common.filesystem import open_filesystem
    from olmo_eval.errors import DataError
    from olmo_eval.results.store import Store

    if "://" in reference or Path(reference, "run.json").is_file():
        return reference
    filesystem, root = open_filesystem(results)
    if "=" not in reference and "/" not in reference and reference != "latest":
        place = f"{root}/runs/{reference}/run.json"
        if filesystem.get_file_info(place).is_file:
            return f"{results.rstrip('/')}/runs/{reference}"
    try:
        return Store(results).find(reference).location
    except DataError as error:
        way = "give the whole id of the run, or its folder"
        raise DataError(error.message, hint=way) from error


def _show(one: Verification) -> None:
    from olmo_eval.cli.show import red
    from olmo_eval.common.figures import counted

    size = f"{one.size / 1e6:,.1f} MB" if one.size >= 1e5 else f"{one.size:,} bytes"
    checked = f"{counted(one.files, 'file')} ({size}), {counted(one.scores, 'score')}"
    if one.answers:
        checked += f", {counted(one.answers, 'answer')} scored again"
    head = f"{one.run_id}: {one.status}, {checked}"
    if one.sound:
        click.echo(f"{head}: as written" if one.files else f"{head}: nothing wrong found")
    else:
        click.echo(red(f"{head}: {counted(len(one.faults), 'fault')}"))
    for fault in one.faults:
        click.echo(f"  {fault.text}")
    for note in one.notes:
        click.echo(f"  note: {note}")
