"""Writing a run's results: instance tables, the metrics table, and what run.json says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from olmo_eval.common.metrics import Metric
from olmo_eval.results import footers, schema
from olmo_eval.results.anchoring import Anchor, anchored_scores
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.computed import note_computed, with_computed
from olmo_eval.results.finalize import TaskMeta, write_tables
from olmo_eval.results.folder import RunFolder, unwritable, write_atomically
from olmo_eval.results.places import Places
from olmo_eval.results.suites import SuiteNode, suite_score
from olmo_eval.results.summary import Bounds, Score, declared_wrongly, score_range, task_scores


def write_results(
    folder: RunFolder,
    record: dict[str, Any],
    tasks: Sequence[TaskMeta],
    suites: Sequence[SuiteNode],
    expected: Mapping[str, int],
    places: Places,
    anchors: Mapping[str, Anchor] | None = None,
) -> list[Score]:
    """Write the tables of a run from its journal, in which its records stand at ``places``; returns
    the rows of ``metrics.parquet``. ``anchors`` are earlier scores of all questions, by task.

    ``record`` (the content of ``run.json``) gets each task's outcomes and health, the usage totals,
    and remarks on metrics whose values are not what they declare; the caller writes it. Doing this
    again gives the same tables.

    Raises:
        OlmoEvalError: the folder cannot be written; the journal is untouched.
    """
    try:
        columns = write_tables(folder.journal, folder.path, tasks, places)
        scores = _scores(record, tasks, columns, expected)
        primaries = {score.name: score for score in scores if score.primary}
        bounds = {meta.name: _range(_primary(meta), columns[meta.name]) for meta in tasks}
        for node in suites:
            score = suite_score(node, primaries, bounds)
            if score is not None:
                scores.append(score)
        if anchors:
            own = {meta.name: _primary(meta) for meta in tasks}
            scores += anchored_scores(folder.path, record, own, columns, anchors)
        write_metrics(folder, record, scores)
    except OSError as error:
        raise unwritable(error, folder.path) from error
    describe(record, columns, expected)
    remarks = [
        f"{meta.name}: {note}"
        for meta in tasks
        for metric in meta.metrics
        for note in declared_wrongly(metric, columns[meta.name].values(metric.key))
    ]
    remarks += note_computed(record, tasks, scores)
    if remarks:
        record["remarks"] = remarks
    return scores


def _range(metric: Metric, columns: TaskColumns) -> Bounds:
    return score_range(metric, columns.values(metric.key))


def _scores(
    record: Mapping[str, Any],
    tasks: Sequence[TaskMeta],
    columns: Mapping[str, TaskColumns],
    expected: Mapping[str, int],
) -> list[Score]:
    entries = {entry["name"]: entry for entry in record["tasks"]}
    scores: list[Score] = []
    for meta in tasks:
        entry = entries[meta.name]
        primary = _primary(meta)
        scores += task_scores(
            meta.name,
            entry["task"],
            entry["variants"],
            meta.metrics,
            primary,
            columns[meta.name],
            expected.get(meta.name, columns[meta.name].n),
        )
        scores[-len(meta.metrics) :] = with_computed(scores[-len(meta.metrics) :], meta.computed)
    return scores


def _primary(meta: TaskMeta) -> Metric:
    """The metric that stands for a task."""
    return next(metric for metric in meta.metrics if metric.key == meta.primary)


def metrics_content(
    run_id: str, record: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> bytes:
    """What ``metrics.parquet`` holds: the rows, saying of their run what ``record`` says."""
    model = record["model"]
    run = {
        "run_id": run_id,
        "model": model.get("name"),
        "step": model.get("step"),
        "tokens": model.get("tokens"),
        "group": record.get("group"),
        "run_name": record.get("name"),
    }
    table = pa.Table.from_pylist([{**row, **run} for row in rows], schema=schema.METRICS)
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, table.schema, write_page_checksum=True) as writer:
        footers.keep_place(writer)
        writer.write_table(table)
    return footers.seal(bytes(buffer.getvalue()))


def write_metrics(folder: RunFolder, record: Mapping[str, Any], scores: Sequence[Score]) -> None:
    """Write ``metrics.parquet`` in one step; ``record`` says whose they are. Raises OSError."""
    rows = [{**attrs.asdict(score), "variants": list(score.variants)} for score in scores]
    content = metrics_content(folder.run_id, record, rows)
    write_atomically(folder.path / "metrics.parquet", content)


def describe(
    record: dict[str, Any], columns: Mapping[str, TaskColumns], expected: Mapping[str, int]
) -> None:
    """Put each task's outcomes into its entry in ``record``, and the usage of all into it."""
    totals: dict[str, float] = {}
    for entry in record["tasks"]:
        mine = columns[entry["name"]]
        entry["n_expected"] = expected.get(entry["name"], mine.n)
        entry["outcomes"] = dict(sorted(mine.outcomes.items()))
        entry["errors"] = dict(mine.errors.most_common(5))
        entry["reused"] = mine.reused_from.total()
        entry["reused_from"] = dict(mine.reused_from.most_common())
        if mine.events:
            entry["events"] = mine.events
        if mine.tally is not None:
            entry["health"] = mine.tally.health().to_dict()
        for name, total in mine.totals.items():
            totals[name] = totals.get(name, 0) + total
    record["usage"] = totals
