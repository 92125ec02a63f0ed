"""``olmo-eval data``: what the tasks read, whether it is here, and filling an offline mirror."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen

from olmo_eval.common.figures import counted
from olmo_eval.errors import DataError, MissingDependencyError, OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.data import DataLoader, DataSource
    from olmo_eval.evals.tasks.common import Task
    from olmo_eval.evals.tasks.common.spec import TaskSpec


@frozen
class Need:
    """One thing a task reads: a data source, or a fixed few-shot set by name."""

    task: str
    what: DataSource | str
    role: str

    @property
    def label(self) -> str:
        return f"fewshot/{self.what}" if isinstance(self.what, str) else self.what.uri()


@click.group()
def data() -> None:
    """What tasks read, and the offline mirror that serves it without the hub."""


@data.command("list")
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(tasks: tuple[str, ...], as_json: bool) -> None:
    """List what TASKs (or suites; every task by default) read, and where it would come from."""
    from olmo_eval.cli.table import table
    from olmo_eval.data import DataLoader

    loader = DataLoader()
    rows = []
    for need in _distinct(_needs_of_all(tasks)):
        place, detail = _whereabouts(need, loader)
        rows.append({"task": need.task, "role": need.role, "source": need.label, "where": place})
        if detail:
            rows[-1]["detail"] = detail
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    columns = ("where", "task", "source")
    table([(name, "left") for name in columns], [[row[name] for name in columns] for row in rows])
    missing = sum(row["where"] == "missing" for row in rows)
    if missing:
        click.echo(f"{missing} missing: olmo-eval data pull TASK --to MIRROR_FOLDER", err=True)


@data.command()
@click.argument("targets", nargs=-1, required=True, metavar="TASK...")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="The mirror's folder; by default the first of OLMO_EVAL_DATA_MIRROR.",
)
@click.option("--force", is_flag=True, help="Fetch again what the mirror already has.")
def pull(targets: tuple[str, ...], to: Path | None, force: bool) -> None:
    """Fill an offline mirror with what TASKs read, their few-shot examples included.

    A TASK is a task spec, a suite, the name of a fixed few-shot set, or an hf:// URI.
    A spec without variants stands for all variants of the task.
    """
    to = _destination(to)
    failed = 0
    needs = list(_distinct(need for target in targets for need in _needs(target)))
    for need in needs:
        try:
            for line in _pull(need, to, force):
                click.echo(line)
        except MissingDependencyError:
            raise
        except OlmoEvalError as error:
            failed += 1
            click.echo(f"failed   {need.label}: {error.message}", err=True)
            if error.hint:
                click.echo(f"         {error.hint}", err=True)
    if failed:
        raise DataError(f"{failed} of {len(needs)} sources could not be pulled into {to}")
    click.echo(f"use it with: export OLMO_EVAL_DATA_MIRROR={to.resolve()}", err=True)


def _destination(to: Path | None) -> Path:
    if to is None:
        named = os.environ.get("OLMO_EVAL_DATA_MIRROR", "").split(os.pathsep)[0]
        if not named:
            raise UsageError(
                "where should the mirror be?", hint="add --to DIR, or set OLMO_EVAL_DATA_MIRROR"
            )
        to = Path(named).expanduser()
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{to}: cannot be made ({error.strerror})", hint="choose another folder: --to DIR"
        ) from error
    return to


def _pull(need: Need, to: Path, force: bool) -> Iterator[str]:
    from olmo_eval.data.pull import pull_fewshot_set, pull_source

    if isinstance(need.what, str):
        files = iter([pull_fewshot_set(need.what, to, force=force)])
    else:
        files = pull_source(need.what, to, force=force)
    for pulled in files:
        name = pulled.file.relative_to(to)
        wrote = f"wrote    {name} ({counted(pulled.rows or 0, 'row')})"
        yield wrote if pulled.written else f"present  {name}"


def _whereabouts(need: Need, loader: DataLoader) -> tuple[str, str]:
    """Where a need would be read from (``mirror``, ``local``, ``hub``, ``remote``, ``source`` for
    a set collected from its data set, or ``missing``), and why it is missing."""
    from olmo_eval.data.fewshot import fewshot_set

    try:
        if isinstance(need.what, str):
            if loader.mirror.find_fewshot(need.what):
                return "mirror", ""
            known = fewshot_set(need.what, loader)
            if not known.is_collectable or known.source is None:
                return "missing", known.note
            loader.locate(known.source)
            return "source", ""
        if need.what.kind == "remote":
            return "remote", ""  # asking would cost a request for every source
        return loader.locate(need.what)[0].kind, ""
    except OlmoEvalError as error:
        return "missing", error.message


def _needs_of_all(specs: tuple[str, ...]) -> Iterator[Need]:
    if specs:
        for spec in specs:
            yield from _needs(spec)
        return
    from olmo_eval import plugins

    for name in plugins.manager().registry("tasks").names():
        try:
            yield from _needs(name)
        except OlmoEvalError as error:
            click.echo(f"skipped  {name}: {error.message}", err=True)


def _needs(target: str) -> Iterator[Need]:
    """Everything that a task, suite, few-shot set or URI stands for."""
    from olmo_eval.data import DataSource, fewshot_set_names
    from olmo_eval.evals.suites.suite import find_suite
    from olmo_eval.evals.tasks.common import parse_spec

    if target.startswith("hf://"):
        yield Need("-", DataSource.from_uri(target), "data")
    elif suite := find_suite(target):
        for spec in suite.expand():
            yield from _needs(spec)
    elif target in fewshot_set_names():
        yield Need("-", target, "few-shot")
    else:
        for task in _tasks(parse_spec(target)):
            yield from _task_needs(task, target)


def _tasks(spec: TaskSpec) -> Iterator[Task]:
    from olmo_eval.evals.tasks.common import build_task
    from olmo_eval.evals.tasks.common.registry import variants_of

    yield build_task(spec)
    if not spec.variants:
        for variant in variants_of(spec.name, spec.distribution):
            yield build_task(evolve(spec, variants=(variant,)))


def _task_needs(task: Task, spec: str) -> Iterator[Need]:
    from olmo_eval.evals.tasks.common.fewshot import shots_source

    config = task.config
    if config.data_source is not None:
        yield Need(spec, config.get_data_source(), "data")
    shots = shots_source(task)
    if shots is not None:
        yield Need(spec, shots, "few-shot")


def _distinct(needs: Iterable[Need]) -> Iterator[Need]:
    seen = set()
    for need in needs:
        if need.label not in seen:
            seen.add(need.label)
            yield need
