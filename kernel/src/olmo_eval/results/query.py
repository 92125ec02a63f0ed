"""SQL over runs, by DuckDB: the tables ``runs``, ``metrics`` and ``instances``.

The tables are read with pyarrow, wherever the store is, and streamed into a database in a temporary
folder; then the database is closed to everything outside, and the query is run.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from olmo_eval.errors import UsageError
from olmo_eval.extras import require
from olmo_eval.results import views
from olmo_eval.results.schema import METRICS
from olmo_eval.results.store import Run

#: what is run: statements that only ask (DESCRIBE, SHOW and SUMMARIZE are SELECTs to DuckDB)
_ASKING = frozenset({"SELECT", "EXPLAIN"})
_Rows = Callable[[Sequence[Run]], Iterator[pa.RecordBatch]]
TABLES: dict[str, tuple[pa.Schema, _Rows]] = {
    "runs": (views.RUNS, views.run_rows),
    "metrics": (METRICS.remove_metadata(), views.metric_rows),
    "instances": (views.INSTANCES, views.instance_rows),
}
#: in this order: what is locked cannot be unlocked
_CLOSED = (
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


@contextmanager
def queried(runs: Sequence[Run], sql: str) -> Iterator[pa.RecordBatchReader]:
    """The result of a query over ``runs``, as a reader of batches.

    Only the tables that the query names are read. It may not reach files, the network or settings.

    Raises:
        MissingDependencyError: DuckDB is not installed. UsageError: the query is not one, or is
            refused; says where.
    """
    duckdb = _duckdb()
    with tempfile.TemporaryDirectory(prefix="olmo-eval-query-") as folder:
        database = duckdb.connect(str(Path(folder) / "query.duckdb"))
        try:
            database.execute("SET preserve_insertion_order = true")
            for name, (schema, rows) in TABLES.items():
                # one that is not named stays empty, and can still be described
                named = re.search(rf"\b{name}\b", sql, re.IGNORECASE)
                _load(database, name, schema, rows(runs) if named else iter(()))
            for statement in _CLOSED:
                database.execute(statement)
            yield _result(duckdb, database, sql)
        finally:
            database.close()


def _duckdb() -> Any:
    return require("duckdb", "pip install 'olmo-eval[query]'", "queries need DuckDB")


def _load(database: Any, name: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> None:
    reader = pa.RecordBatchReader.from_batches(schema, rows)
    database.register("incoming", reader)
    database.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    database.unregister("incoming")


def _result(duckdb: Any, database: Any, sql: str) -> pa.RecordBatchReader:
    try:
        statements = database.extract_statements(sql)
        if len(statements) != 1:
            raise UsageError(f"expected one query, got {len(statements)}")
        kind = statements[0].type.name
        if kind not in _ASKING:
            raise UsageError(
                f"{kind} is no query that can be asked here",
                hint="SELECT, DESCRIBE, SUMMARIZE, ...",
            )
        return database.sql(sql).to_arrow_reader(2_000)
    except duckdb.Error as error:
        first, _, rest = str(error).strip().partition("\n")
        tables = ", ".join(TABLES)
        raise UsageError(
            f"the query failed: {first}", hint=rest.strip() or f"there are the tables {tables}"
        ) from error
