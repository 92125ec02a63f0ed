"""What all runs hold, as tables: one of runs, one of metrics, one of instances.

The tables of single tasks differ in the metrics they have; here each row has its numbers in one
column, by the keys of its metrics, so that the rows of all tasks and runs are one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from olmo_eval.results.reading import NoTableError
from olmo_eval.results.schema import METRICS
from olmo_eval.results.store import Run

RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("model", pa.string()),
        ("provider", pa.string()),
        ("step", pa.int64()),
        ("tokens", pa.int64()),
        ("group", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("started", pa.string()),
        ("finished", pa.string()),
        ("tasks", pa.list_(pa.string())),
        ("location", pa.string()),
    ]
)
#: of the run, then of the instance
_OF_RUN = ("run_id", "model", "step", "tokens", "group", "run_name")
INSTANCES = pa.schema(
    [
        *(METRICS.field(name) for name in _OF_RUN),
        ("task", pa.string()),
        ("instance_id", pa.string()),
        ("position", pa.int32()),
        ("outcome", pa.string()),
        ("error", pa.string()),
        ("cluster", pa.string()),
        ("question", pa.string()),
        ("gold", pa.string()),
        ("answer", pa.string()),
        ("text", pa.string()),
        ("metadata", pa.string()),
        ("value", pa.float64()),  # of the task's primary metric
        ("values", pa.map_(pa.string(), pa.float64())),  # by metric key
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("cached_tokens", pa.int32()),
        ("cost_usd", pa.float64()),
        ("latency", pa.float64()),
        ("reused", pa.bool_()),
    ]
)


def run_rows(runs: Iterable[Run]) -> Iterator[pa.RecordBatch]:
    """A batch of ``RUNS``: a row a run."""
    rows = []
    for run in runs:
        facts = {key: value or None for key, value in run.facts.to_dict().items()}
        facts.update(step=run.facts.step, tokens=run.facts.tokens)
        told = {"status": run.status, "tasks": run.task_names, "location": run.location}
        rows.append({**facts, **told})
    yield pa.RecordBatch.from_pylist(
        [{name: row.get(name) for name in RUNS.names} for row in rows], schema=RUNS
    )


def metric_rows(runs: Iterable[Run]) -> Iterator[pa.RecordBatch]:
    """Batches of the metrics tables of the runs that have one; a run without is left out.

    Raises:
        DataError: a table is there and cannot be read.
    """
    for run in runs:
        try:
            rows = run.metrics().to_pylist()
        except NoTableError:
            continue
        head = _of_run(run)
        told = [{**{k: row.get(k) for k in METRICS.names}, **head} for row in rows]
        yield pa.RecordBatch.from_pylist(told, schema=METRICS.remove_metadata())


def instance_rows(runs: Iterable[Run], tasks: Iterable[str] = ()) -> Iterator[pa.RecordBatch]:
    """Batches of ``INSTANCES``, task by task; a task whose table is not there is left out.

    Raises:
        DataError: a table is there and cannot be read.
    """
    wanted = list(tasks)
    for run in runs:
        for task in wanted or run.task_names:
            try:
                yield from _instances(run, task)
            except NoTableError:
                continue


_AT_ONCE = 2_000


def _instances(run: Run, task: str) -> Iterator[pa.RecordBatch]:
    entry = run.task_record(task)
    head = {**_of_run(run), "task": entry["name"]}
    own = [n for n in INSTANCES.names if n not in head and n != "value"]
    batch: list[dict[str, Any]] = []
    for row in run.rows(task, columns=own):
        values = {k: v for k, v in (row.get("values") or {}).items() if v is not None}
        told = {n: row.get(n) for n in own}
        told |= {"values": list(values.items()), "value": values.get(entry["primary"])}
        batch.append({**head, **told})
        if len(batch) == _AT_ONCE:
            yield pa.RecordBatch.from_pylist(batch, schema=INSTANCES)
            batch = []
    if batch:
        yield pa.RecordBatch.from_pylist(batch, schema=INSTANCES)


def _of_run(run: Run) -> dict[str, Any]:
    facts = run.facts
    return {
        "run_id": facts.run_id,
        "model": facts.model,
        "step": facts.step,
        "tokens": facts.tokens,
        "group": facts.group or None,
        "run_name": facts.name or None,
    }
