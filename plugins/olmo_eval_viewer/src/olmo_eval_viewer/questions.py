"""The questions of two runs in an in-memory database: filtered, ordered and read page by page."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from olmo_eval.results.divided import (
    Adjustment,
    Divided,
    Part,
    divided_by,
    division_keys,
    part_verdicts,
)
from olmo_eval.results.run import Run
from olmo_eval.results.standings import STANDINGS, Standings, standings
from olmo_eval.results.statistics import Verdict
from olmo_eval.results.tracking.histories import Histories
from olmo_eval_viewer.filters import RANGES, SORTS, Filters
from olmo_eval_viewer.kept import Kept
from olmo_eval_viewer.search import PATIENCE, Hits, Search

#: questions on a page
PAGE = 50
_KEPT_SEARCHES, _KEPT_PARTS = 16, 32
BoolArray = npt.NDArray[np.bool_]
#: the columns of a page's rows
_SHOWN = (
    "i, instance_id, standing, value_a, value_b, gain, outcome_a, outcome_b, "
    "completion_tokens_a, completion_tokens_b, latency_a, latency_b, cost_usd_a, cost_usd_b, "
    "noise, steady_a, steady_b, row_a, row_b, place"
)
#: how early a question stands, by its standing, where evidence orders
_FIRST = {"regressed": 0, "improved": 0, "missing": 1, "both_wrong": 2, "tied": 2, "both_right": 3}
Row = dict[str, Any]
Steady = Callable[[], tuple[Histories | None, Histories | None]]


class Found(NamedTuple):
    """A page of questions, and how many there are in all; while a search goes on, those that it
    found so far, and the share of the texts (below 1) that it has ``read``."""

    rows: list[Row]
    total: int
    pages: int
    read: float = 1.0


class Neighbours(NamedTuple):
    """What stands beside a question among those that the filters leave: ids, None at the ends.

    ``number`` counts from 1; None where the filters leave the question out.
    """

    number: int | None
    total: int
    before: str | None
    after: str | None
    flip_before: str | None
    flip_after: str | None


class Pair:
    """The questions of one task in two runs."""

    def __init__(self, database: Any, name: str, a: Run, b: Run, found: Standings) -> None:
        self.a, self.b, self.standings = a, b, found
        self.counts = found.counts()
        self._database, self._name = database, name
        self._searches = Kept(_KEPT_SEARCHES)
        self._parts = Kept(_KEPT_PARTS)

    @property
    def n(self) -> int:
        return int(self.standings.table.num_rows)

    def page(self, filters: Filters) -> Found:
        """The questions of a page, in the order that the filters ask for."""
        read = self.searched(filters).read if filters.q else 1.0
        with self._filtered(filters) as (cursor, where, values):
            total = cursor.execute(f"SELECT count(*) FROM {self._name} {where}", values).fetchone()[
                0
            ]
            pages = max(1, -(-total // PAGE))
            number = min(filters.page, pages)
            rows = _rows(
                cursor.execute(
                    f"SELECT {_SHOWN} FROM {self._name} {where} ORDER BY {SORTS[filters.sort]} "
                    f"LIMIT {PAGE} OFFSET {(number - 1) * PAGE}",
                    values,
                )
            )
        return Found(rows, total, pages, read)

    def every(self, filters: Filters) -> Iterator[list[Row]]:
        """All questions that the filters leave, in their order, some at a time."""
        if filters.q:
            self.searched(filters, None)
        with self._filtered(filters) as (cursor, where, values):
            order = SORTS[filters.sort]
            found = cursor.execute(
                f"SELECT {_SHOWN} FROM {self._name} {where} ORDER BY {order}", values
            )
            names = [column[0] for column in found.description]
            while part := found.fetchmany(1_000):
                yield [dict(zip(names, row, strict=True)) for row in part]

    def row(self, instance_id: str) -> Row | None:
        """The question with this id."""
        cursor = self._database.cursor()
        found = cursor.execute(
            f"SELECT {_SHOWN} FROM {self._name} WHERE instance_id = ? LIMIT 1", [instance_id]
        )
        return next(iter(_rows(found)), None)

    def neighbours(self, row: Row, filters: Filters) -> Neighbours:
        """What stands before and after a question (a row of ``row``), in the order that the filters
        ask for."""
        simple = {"evidence": "place", "data": "i"}.get(filters.sort)
        order = simple or f"row_number() OVER (ORDER BY {SORTS[filters.sort]})"
        with self._filtered(filters) as (cursor, where, values):
            listed = f"SELECT instance_id, {order} AS n, standing IN ('regressed', 'improved') "
            listed += f"AS flip FROM {self._name} {where}"
            here = row[simple] if simple else -1
            if not simple:
                asked = f"SELECT n FROM ({listed}) WHERE instance_id = ?"
                told = cursor.execute(asked, [*values, row["instance_id"]]).fetchone()
                here = -1 if told is None else told[0]
            total, before, among, *beside = cursor.execute(
                "SELECT count(*), count(*) FILTER (n < $here), count(*) FILTER (n = $here), "
                "arg_max(instance_id, n) FILTER (n < $here), "
                "arg_min(instance_id, n) FILTER (n > $here), "
                "arg_max(instance_id, n) FILTER (n < $here AND flip), "
                "arg_min(instance_id, n) FILTER (n > $here AND flip) "
                f"FROM ({_named(listed)})",
                {"here": here, **{f"v{i}": value for i, value in enumerate(values)}},
            ).fetchone()
        return Neighbours(before + 1 if among else None, total, *beside)

    @cached_property
    def noisy(self) -> int:
        """How many questions repeats of one of the models differ on."""
        return int(pa.compute.sum(self.standings.table.column("noise")).as_py() or 0)

    @cached_property
    def outcomes(self) -> dict[str, int]:
        """The outcomes of either run other than ``scored``, with the number of questions."""
        cursor = self._database.cursor()
        found = cursor.execute(
            f"SELECT outcome, count(DISTINCT i) AS n FROM (SELECT i, outcome_a AS outcome FROM "
            f"{self._name} UNION ALL SELECT i, outcome_b FROM {self._name}) "
            "WHERE outcome IS NOT NULL AND outcome <> 'scored' GROUP BY outcome ORDER BY n DESC"
        )
        return {str(outcome): int(n) for outcome, n in found.fetchall()}

    def histogram(self, name: str, bins: int = 16) -> list[tuple[float, float, int]]:
        """The distribution of one of ``RANGES`` over all questions: lower end, upper end, count of
        each bin; nothing where B has no such numbers, or the same one everywhere."""
        values = self.standings.table.column(RANGES[name])
        return self._parts.get(("histogram", name, bins), lambda: _histogram(values, bins))

    def verdict(self, filters: Filters) -> Verdict | None:
        """The unadjusted verdict on the questions that the metadata filter leaves."""
        chosen = self._of_slice(filters.where)
        return None if chosen is None else self.standings.verdict(chosen)

    def slice_keys(self) -> list[str]:
        """The keys of metadata by which the questions can be divided."""
        return self._parts.get("keys", lambda: division_keys(self.standings, self.a))

    def slices(self, key: str, method: str) -> list[Part]:
        """The verdict on each part by ``key``."""
        divided = self._divide(key)
        adjustment: Adjustment = "holm" if method == "holm" else "benjamini-hochberg"
        return self._parts.get(
            (key, adjustment), lambda: part_verdicts(self.standings, divided, adjustment)
        )

    def _divide(self, key: str) -> Divided:
        return self._parts.get(
            ("divided", key), lambda: divided_by(self.standings, self.a, self.b, key)
        )

    def _of_slice(self, where: str) -> BoolArray | None:
        key, _, value = where.partition(":")
        if key not in self.slice_keys():
            return None
        divided = self._divide(key)
        if value not in divided.values:
            return None
        return np.asarray(divided.codes == divided.values.index(value))

    def searched(self, filters: Filters, seconds: float | None = PATIENCE) -> Hits:
        """What the search of the filters has found after so many seconds; None waits for its end.

        Raises:
            UsageError: it is not a regular expression.
        """
        asked = (filters.q, filters.regex)
        found = self._searches.get(asked, lambda: Search(self.standings, self.a, self.b, *asked))
        return found.hits(seconds)

    @contextmanager
    def _filtered(self, filters: Filters) -> Iterator[tuple[Any, str, list[Any]]]:
        """A cursor, and the WHERE of the filters with its values."""
        parts, values = _conditions(filters)
        masks = []
        if filters.q:
            masks.append(self.searched(filters, 0).mask)
        if filters.where:
            chosen = self._of_slice(filters.where)
            masks.append(np.zeros(self.n, bool) if chosen is None else chosen)
        cursor = self._database.cursor()
        try:
            if masks:
                rows = np.flatnonzero(np.logical_and.reduce(masks))
                cursor.register("chosen", pa.table({"i": pa.array(rows, pa.int64())}))
                parts.append("i IN (SELECT i FROM chosen)")
            yield cursor, f"WHERE {' AND '.join(parts)}" if parts else "", values
        finally:
            cursor.close()


def _conditions(filters: Filters) -> tuple[list[str], list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    if filters.show == "discordant":
        parts.append("standing IN ('regressed', 'improved')")
    elif filters.show != "all":
        parts.append("standing = ?")
        values.append(filters.show)
    if filters.outcome:
        parts.append("(outcome_a = ? OR outcome_b = ?)")
        values += [filters.outcome, filters.outcome]
    if filters.noise:
        parts.append("noise" if filters.noise == "only" else "NOT noise")
    if filters.among is not None:
        parts.append("instance_id IN (SELECT unnest(?))")
        values.append(sorted(filters.among))
    for name, (low, high) in filters.ranges.items():
        parts.append(f"{RANGES[name]} BETWEEN ? AND ?")
        values += [low, high]
    return parts, values


def _histogram(column: pa.ChunkedArray, bins: int) -> list[tuple[float, float, int]]:
    values = column.drop_null().to_numpy()
    if not len(values) or values.min() == values.max():
        return []
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(values.dtype, np.integer):
        bins = min(bins, int(high - low) + 1)
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return [(float(edges[i]), float(edges[i + 1]), int(count)) for i, count in enumerate(counts)]


def _named(sql: str) -> str:
    """``sql`` with parameters by name, ``$v0`` and so on: a query has all of them so, or none."""
    parts = sql.split("?")
    return "".join(f"{part}$v{i}" for i, part in enumerate(parts[:-1])) + parts[-1]


def _rows(found: Any) -> list[Row]:
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


class Pairing:
    """The pairs that are kept, in one database, the last used ones within a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._database = duckdb.connect(":memory:", config={"threads": 2})
        self._database.execute("SET python_enable_replacements = false")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET memory_limit = '256MB'")
        self._pairs: OrderedDict[Hashable, Pair] = OrderedDict()
        self._made = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, a: Run, b: Run, task: str, task_b: str, steady: Steady) -> Pair:
        """The pair of ``key``, made where it is not known."""
        with self._lock:
            if key not in self._pairs:
                self._pairs[key] = self._make(a, b, task, task_b, steady)
                self._forget()
            self._pairs.move_to_end(key)
            return self._pairs[key]

    def _make(self, a: Run, b: Run, task: str, task_b: str, steady: Steady) -> Pair:
        found = standings(a, b, task, task_b)
        before, after = steady()
        table = found.table.append_column("steady_a", _steady(before, a, found, later=False))
        table = table.append_column("steady_b", _steady(after, b, found, later=True))
        table = table.append_column("i", pa.array(np.arange(len(table))))
        table = table.append_column("place", pa.array(_places(table)))
        self._made += 1
        name = f"pair_{self._made}"
        cursor = self._database.cursor()
        cursor.register("incoming", table)
        cursor.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        cursor.close()
        pair = Pair(self._database, name, a, b, found)
        # when no page uses it any more
        weakref.finalize(pair, _drop, self._database, name)
        return pair

    def _forget(self) -> None:
        """Drop the pairs that were not used for longest; never the one that is asked for."""
        sizes = [pair.standings.table.nbytes * 2 for pair in self._pairs.values()]
        while len(self._pairs) > 1 and sum(sizes) > self._most:
            self._pairs.popitem(last=False)
            sizes.pop(0)


def _drop(database: Any, name: str) -> None:
    database.cursor().execute(f"DROP TABLE IF EXISTS {name}")


def _steady(histories: Histories | None, run: Run, found: Standings, *, later: bool) -> pa.Array:
    """At how many checkpoints running each question has the score that it has in ``run``."""
    counted = None if histories is None else histories.steadiness(run, later=later)
    if counted is None:
        return pa.nulls(found.table.num_rows, pa.int64())
    column = found.table.column("row_b" if later else "row_a")
    rows = np.asarray(column.fill_null(-1))
    return pa.array(np.append(counted, 0)[rows], mask=rows < 0)


def _places(table: pa.Table) -> npt.NDArray[np.int64]:
    """Where each question stands when evidence orders: those that differ first, of these such as
    noise explains last; the steadiest before and after, then the largest differences."""
    codes = np.asarray(table.column("standing").combine_chunks().indices)
    first = np.array([_FIRST[standing] for standing in STANDINGS])[codes]
    noise = np.asarray(table.column("noise"))
    before, after = (
        np.asarray(table.column(f"steady_{side}").fill_null(0), dtype=np.int64) for side in "ab"
    )
    size = np.abs(np.asarray(table.column("gain").fill_null(0.0)))
    worse = np.asarray(table.column("gain").fill_null(0.0)) >= 0
    order = np.lexsort([worse, -size, -(before + after), noise, first])
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places
