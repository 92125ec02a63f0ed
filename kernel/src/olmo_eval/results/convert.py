"""Writing a run of an older schema anew in the present one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from olmo_eval.errors import UsageError
from olmo_eval.results import journal, schema
from olmo_eval.results.finalize import write_task
from olmo_eval.results.folder import WITH_TABLES, RunFolder, unwritable, write_atomically
from olmo_eval.results.record import Row
from olmo_eval.results.store import Run, open_run
from olmo_eval.results.tables import metrics_content


def convert(run: Run) -> Run:
    """The run in the present version of the schema, in the place of the old one.

    The new run is written beside the old one, which is removed when the new one is whole.

    Raises:
        UsageError: the run is of the present version, is being made, or is not on this machine.
            DataError: it cannot be read. OlmoEvalError: it cannot be written; the run is as it was.
    """
    if run.version >= schema.VERSION:
        raise UsageError(f"run {run.run_id} is of version {run.version} already")
    if "://" in run.location:
        raise UsageError(
            f"{run.location} is not on this machine", hint="copy the run here, and convert the copy"
        )
    if run.status == "running":
        raise UsageError(
            f"run {run.run_id} is being made", hint="convert it when its command has ended"
        )
    old = Path(run.location)
    new, aside = (old.with_name(f".{old.name}.{what}") for what in ("new", "old"))
    for left in (new, aside):  # by a conversion that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        _write(run, new)
        old.rename(aside)
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise unwritable(error, old) from error
    shutil.rmtree(aside, ignore_errors=True)
    return open_run(str(old))


def _write(run: Run, folder: Path) -> None:
    old = Path(run.location)
    written = {"run.json", "metrics.parquet", "instances"}
    folder.mkdir()
    for path in sorted(old.iterdir()):
        if path.name in written:
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        else:
            shutil.copy2(path, folder / path.name)
    events: dict[str, int] = {}
    for name in run.task_names:
        if not (old / "instances" / f"{schema.file_name(name)}.parquet").is_file():
            continue  # the run has not come so far
        columns = run.instances(name).schema
        keys, scorers = (_fields(columns, part) for part in ("values", "scores"))
        events[name] = write_task(folder, name, keys, scorers, _rows(run, name)).events
    if (old / "metrics.parquet").is_file():
        content = metrics_content(run.run_id, run.record, run.metrics().to_pylist())
        write_atomically(folder / "metrics.parquet", content)
    tasks = [
        {**entry, "events": events[entry["name"]]} if events.get(entry["name"]) else entry
        for entry in run.record["tasks"]
    ]
    record = {**run.record, "schema_version": schema.VERSION, "tasks": tasks}
    target = RunFolder(folder)
    if run.status in WITH_TABLES:
        target.seal(record)
    target.write_json(record)


def _fields(columns: pa.Schema, name: str) -> list[str]:
    kind = columns.field(name).type
    return [kind.field(i).name for i in range(kind.num_fields)]


def _rows(run: Run, name: str) -> Iterator[tuple[Row, int]]:
    for row in run.rows(name):
        yield row, len(journal.encode(row))
