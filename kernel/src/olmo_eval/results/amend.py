"""Amending a finished run: what may be said of it later."""

from __future__ import annotations

from pathlib import Path

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError, UsageError
from olmo_eval.results import digests, schema
from olmo_eval.results.folder import LOCK, RunFolder, contents, unwritable, write_atomically
from olmo_eval.results.listing import put
from olmo_eval.results.remote_run import put_record
from olmo_eval.results.store import Run
from olmo_eval.results.tables import metrics_content


def set_step(run: Run, step: int) -> None:
    """Set the training step of a finished run, in a folder or at a URL: in its record, and in every
    row of ``metrics.parquet``. Interrupted in between, the record still has the old one.

    Raises:
        UsageError: the run is of an older schema. DataError: it cannot be read, or the store at a
            URL cannot be written. OlmoEvalError: its folder cannot be written.
    """
    if run.version < schema.VERSION:
        raise UsageError(
            f"run {run.run_id} is of version {run.version} of the schema, and cannot be given a "
            "step",
            hint=f"`olmo-eval results convert {run.run_id}` first",
        )
    run.record["model"]["step"] = step
    metrics = metrics_content(run.run_id, run.record, run.metrics().to_pylist())
    if digests.covers(run.record):
        told = digests.entry(digests.sha256(metrics), len(metrics))
        run.record[digests.IN_LOCK]["metrics.parquet"] = told
    if "://" in run.location:
        _put(run, metrics)
        return
    folder = RunFolder(Path(run.location))
    try:
        write_atomically(folder.path / "metrics.parquet", metrics)
    except OSError as error:
        raise unwritable(error, folder.path) from error
    folder.write_json(run.record)


def _put(run: Run, metrics: bytes) -> None:
    """Write what was amended to the store at a URL, and say so to indexes."""
    results, _, name = run.location.rpartition("/runs/")
    filesystem, root = open_filesystem(results)
    summary, lock = contents(run.record)
    place = f"{root}/runs/{name}"
    try:
        put(filesystem, f"{place}/metrics.parquet", metrics)
        put(filesystem, f"{place}/{LOCK}", lock)
        put_record(filesystem, root, name, summary)
    except OSError as error:
        raise DataError(
            f"cannot write run {run.run_id} in {results}: {error}",
            hint=way_out(error, "rerun the same command to go on"),
        ) from error
