"""``olmo-eval results export`` and ``olmo-eval results query``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import json_option, results_option
from olmo_eval.common.figures import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from olmo_eval.results.store import Run, Store

#: ``results.rowtable.FORMATS``, which is imported only when it is needed
FORMATS = ("csv", "jsonl", "markdown", "parquet")
#: rows of a result that a terminal is shown
_SHOWN = 1_000


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN...")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="What to write: by the ending of --output, else csv.",
)
@click.option("--instances", is_flag=True, help="A row an instance, in place of one a metric.")
@click.option("--notes", is_flag=True, help="The notes and tags on questions; names no RUN.")
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task. Repeatable.")
@click.option("--all", "every", is_flag=True, help="Every metric, not only the primary ones.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write.")
@results_option
def export(
    runs: Sequence[str],
    format_: str | None,
    instances: bool,
    notes: bool,
    tasks: Sequence[str],
    every: bool,
    output: Path | None,
    results: str,
) -> None:
    """Write scores of runs, or their instances, as a table.

    RUN is a path, the beginning of an id, or a query such as group=G, which may name several.
    Instances come with the notes and tags that `olmo-eval view` kept; --notes writes those alone.
    """
    from olmo_eval.errors import UsageError
    from olmo_eval.results import views
    from olmo_eval.results.notes import SCHEMA, Notes, note_rows
    from olmo_eval.results.schema import METRICS
    from olmo_eval.results.store import Store

    if notes == bool(runs):
        raise UsageError("export takes runs, or --notes", hint="`olmo-eval results list`")
    if notes:
        kept = Notes(results).all().values()
        chosen = [note for note in kept if not tasks or note.task in tasks]
        write(SCHEMA, note_rows(chosen), format_, output)
        return
    found = matching(Store(results), runs)
    if instances:
        schema, rows = _with_notes(found, tasks, results)
    else:
        schema = METRICS.remove_metadata()
        rows = (_some(batch, tasks, every) for batch in views.metric_rows(found))
    write(schema, rows, format_, output)


def _with_notes(
    runs: Sequence[Run], tasks: Sequence[str], results: str
) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """The instances of runs, with what people said of them."""
    import pyarrow as pa

    from olmo_eval.results import views
    from olmo_eval.results.notes import Notes, with_notes

    plain = {name: task for run in runs for name, task in run.facts.tasks}
    rows = with_notes(views.instance_rows(runs, tasks), Notes(results).all(), plain)
    schema = views.INSTANCES.append(pa.field("tags", pa.string()))
    return schema.append(pa.field("note", pa.string())), rows


def matching(store: Store, references: Sequence[str]) -> list[Run]:
    """The runs that references name; a query without ``latest`` names all that match.

    Raises:
        UsageError: one names none.
    """
    from olmo_eval.errors import UsageError

    found: dict[str, Run] = {}
    for reference in references:
        parts = [part.strip().partition("=") for part in reference.split(",")]
        if all(equals for _, equals, _ in parts) and "://" not in reference:
            some = store.find_all(reference)
            if not some:
                raise UsageError(f"no run matches {reference!r}", hint="`olmo-eval results list`")
        else:
            some = [store.find(reference)]
        found.update((run.location, run) for run in some)
    return list(found.values())


def _some(batch: pa.RecordBatch, tasks: Sequence[str], every: bool) -> pa.RecordBatch:
    """The rows of some tasks, and of primary metrics alone unless ``every`` is asked for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not every:
        batch = batch.filter(batch.column("primary"))
    if tasks:
        batch = batch.filter(pc.is_in(batch.column("name"), value_set=pa.array(tasks)))
    return batch


def write(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], format_: str | None, output: Path | None
) -> None:
    """Write rows to a file, or to standard output.

    Raises:
        UsageError: Parquet for a terminal.
    """
    from olmo_eval.errors import UsageError
    from olmo_eval.results.rowtable import write_file, write_rows

    if format_ is None:
        ending = "" if output is None else output.suffix.lstrip(".").replace("md", "markdown")
        format_ = ending if ending in FORMATS else "csv"
    if output is not None:
        n = write_file(schema, batches, format_, output)
        click.echo(f"{counted(n, 'row')} written to {output}")
        return
    if format_ == "parquet" and sys.stdout.isatty():
        raise UsageError("parquet is no text for a terminal", hint="name a file with -o")
    stream = getattr(sys.stdout, "buffer", None) or io.BytesIO()
    write_rows(schema, batches, format_, stream)
    stream.flush()
    if isinstance(stream, io.BytesIO):  # somebody caught the output as text
        click.echo(stream.getvalue().decode("utf-8", "replace"), nl=False)


@click.command()
@click.argument("sql")
@click.option("--model", help="Only runs of this model.")
@click.option("--group", help="Only runs of this group.")
@click.option("--task", help="Only runs with this task.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="In place of a table.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write.")
@results_option
@json_option
def query(
    sql: str,
    model: str | None,
    group: str | None,
    task: str | None,
    format_: str | None,
    output: Path | None,
    results: str,
    as_json: bool,
) -> None:
    """Ask SQL of the tables runs, metrics and instances, over all runs of the store.

    The query can neither read nor write anything else. --model, --group and --task say which runs
    the tables hold: fewer are read sooner.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.query import queried
    from olmo_eval.results.store import Store

    asked = {"model": model, "group": group, "task": task}
    runs = Store(results).select({k: v for k, v in asked.items() if v is not None})
    with queried(runs, sql) as found:
        if as_json:
            print_json([row for batch in found for row in _rows(batch)])
        elif format_ is not None or output is not None:
            write(found.schema, found, format_, output)
        else:
            _print(found)


def _rows(batch: pa.RecordBatch) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = batch.to_pylist(maps_as_pydicts="lossy")
    return rows


def _print(found: pa.RecordBatchReader) -> None:
    import pyarrow as pa

    from olmo_eval.cli.table import table

    numbers = {f.name for f in found.schema if pa.types.is_floating(f.type) or _is_whole(f.type)}
    rows: list[list[str]] = []
    more = False
    for batch in found:
        for row in _rows(batch):
            more = len(rows) == _SHOWN
            if more:
                break
            rows.append(list(map(_cell, row.values())))
        if more:
            break
    table([(n, "right" if n in numbers else "left") for n in found.schema.names], rows)
    if more:
        click.echo(f"the first {_SHOWN:,} rows; --format csv -o FILE writes all")
    else:
        click.echo(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}")


def _is_whole(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind))


def _cell(value: object) -> str:
    from olmo_eval.cli.show import one_line

    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(str(value), 80)
