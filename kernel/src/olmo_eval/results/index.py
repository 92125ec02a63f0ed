"""The index of a store: what is in all its ``run.json`` files, so that finding a run reads none.

A cache and never the truth: every question first looks which runs are new, changed or gone
(:mod:`olmo_eval.results.listing`) and reads only these. It is a SQLite file at ``RESULTS/.index``,
in the user's cache where the store is a URL or may not be written to, and in memory where that
cannot hold a database either. A file that is damaged is made again.

Its journal is a rollback journal, not a write-ahead log: it needs no memory that processes share,
so machines that mount one folder may use one index, as long as their file system has locks.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson
from attrs import evolve, fields, frozen

from olmo_eval.common.filesystem import cache_of
from olmo_eval.errors import DataError
from olmo_eval.results.facts import RunFacts
from olmo_eval.results.listing import BucketRuns, Entry, LocalRuns

T = TypeVar("T")

#: of the tables below; an index of another layout has another name, and is left alone
_LAYOUT = 1
_FILE = f"runs.v{_LAYOUT}.sqlite"
_FACTS = tuple(f.name for f in fields(RunFacts) if f.name != "tasks")
_KINDS = {"step": "INTEGER", "tokens": "INTEGER"}
_TABLES = f"""
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, names TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS scores (folder TEXT PRIMARY KEY, stamp TEXT, rows TEXT);
CREATE TABLE IF NOT EXISTS runs (
    folder TEXT PRIMARY KEY, stamp TEXT, error TEXT, hint TEXT, tasks INTEGER,
    {", ".join(f'"{name}" {_KINDS.get(name, "TEXT")}' for name in _FACTS)}
);
"""
#: what a query may ask for, and how a row answers; ``task`` and ``status`` are looked at apart
CLAUSES = {
    "model": "(model = :model OR substr(rtrim(model, '/'), -length(:model) - 1) = '/' || :model)",
    "group": '"group" = :group',
    "name": "name = :name",
    "step": "CAST(step AS TEXT) = :step",
    "kind": "kind = :kind",
    "since": "started >= :since",
    "identity": "identity = :identity",
    "reuse_key": "reuse_key = :reuse_key",
    "ask_key": "ask_key = :ask_key",
}
_BATCH = 500
#: seconds to wait for another process that writes
_PATIENCE = 20.0
#: connections of indexes that no file can hold
_IN_MEMORY: dict[str, sqlite3.Connection] = {}


@frozen
class Found:
    """What a store holds of what was asked for: folders of runs with their facts, oldest first,
    and what is wrong with each ``run.json`` that says nothing.
    """

    runs: list[tuple[str, RunFacts]]
    unreadable: list[DataError]


class Index:
    """The index of the store at a folder or URL."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._source = BucketRuns(location) if "://" in location else LocalRuns(location)

    def find(self, wanted: Mapping[str, str], *, refresh: bool = False) -> Found:
        """The runs that match every key of ``CLAUSES`` and ``task``; ``refresh`` reads all anew.

        Raises:
            DataError: the store cannot be listed.
        """
        found = self._asked(lambda db: _find(db, wanted), True, refresh)
        errors = [DataError(f"{self.location}/{e.message}", hint=e.hint) for e in found.unreadable]
        return evolve(found, unreadable=errors)

    def scores(self, folders: Sequence[str]) -> dict[str, list[list[Any]]]:
        """Rows of primary scores that were kept, of those runs whose ``run.json`` is the same."""
        query = (
            "SELECT scores.folder, rows FROM scores JOIN runs USING (folder, stamp) "
            "WHERE folder IN (SELECT value FROM json_each(?))"
        )
        asked = [orjson.dumps(list(folders)).decode()]
        kept = self._asked(lambda db: db.execute(query, asked).fetchall(), False)
        return {folder: orjson.loads(rows) for folder, rows in kept}

    def keep_scores(self, rows: Mapping[str, list[list[Any]]]) -> None:
        """Keep rows of scores that were read."""
        query = "INSERT OR REPLACE INTO scores SELECT folder, stamp, ? FROM runs WHERE folder = ?"
        kept = [(orjson.dumps(scores).decode(), folder) for folder, scores in rows.items()]

        def keep(db: sqlite3.Connection) -> None:
            with db:
                db.executemany(query, kept)

        if kept:
            self._asked(keep, False)

    # -- connections

    def _asked(
        self, question: Callable[[sqlite3.Connection], T], look: bool, refresh: bool = False
    ) -> T:
        """What an up-to-date index (``look``: after a look at the store) answers, in the first
        place where one can be kept."""
        for place in self._places():
            for _ in range(2):  # the second time without what was damaged
                try:
                    with closing(_connect(place)) as db:
                        if look:
                            self._update(db, refresh)
                        return question(db)
                except (OSError, sqlite3.OperationalError):
                    break
                except sqlite3.DatabaseError:
                    _remove(place)
        if self.location not in _IN_MEMORY:
            _IN_MEMORY[self.location] = _connect(None)
        db = _IN_MEMORY[self.location]
        if look:
            self._update(db, refresh)
        return question(db)

    def _places(self) -> Iterator[Path]:
        if "://" not in self.location:
            root = Path(self.location)
            if not (root / "runs").is_dir():
                return  # nothing to keep, and no folder is made by looking for it
            yield root / ".index" / _FILE
        yield cache_of("index", self.location) / _FILE

    def _update(self, db: sqlite3.Connection, refresh: bool) -> None:
        known = dict(db.execute("SELECT folder, stamp FROM runs"))
        state = dict(db.execute("SELECT key, value FROM state"))
        if not known and not state and isinstance(self._source, BucketRuns):
            entries, state = self._source.load()
            with db:
                _put(db, entries)
            known = {entry.folder: entry.stamp for entry in entries}
        look = self._source.look(known, state, refresh)
        read = self._source.read(look.changed)
        vanished = set(look.changed)
        while batch := list(islice(read, _BATCH)):
            entries = [entry for entry in batch if entry is not None]
            vanished -= {entry.folder for entry in entries}
            with db:
                _put(db, entries)
        gone = look.gone | (vanished & known.keys())
        if look.told or gone or look.state != state:
            with db:
                _put(db, look.told)
                for table in ("runs", "scores"):
                    folders = [(folder,) for folder in gone]
                    db.executemany(f"DELETE FROM {table} WHERE folder = ?", folders)
                db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", look.state.items())
        if isinstance(self._source, BucketRuns):
            self._source.save(_entries(db), look.state, len(look.changed))


def _connect(place: Path | None) -> sqlite3.Connection:
    """An index with its tables. Raises OSError, sqlite3.Error."""
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(place or ":memory:", timeout=_PATIENCE, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA cache_size = -65536")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
            db.executescript(_TABLES)
        return db
    except BaseException:
        db.close()
        raise


def _remove(place: Path) -> None:
    for path in (place, place.with_name(f"{place.name}-journal")):
        with contextlib.suppress(OSError):
            path.unlink()


_COLUMNS = ("folder", "stamp", "error", "hint", "tasks", *_FACTS)
_INSERT = "INSERT OR REPLACE INTO runs ({}) VALUES ({})".format(
    ", ".join(f'"{name}"' for name in _COLUMNS), ", ".join("?" * len(_COLUMNS))
)


def _put(db: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    rows, scores = [], []
    for entry in entries:
        facts = entry.facts
        values: tuple[Any, ...] = (None,) * len(_FACTS)
        names = None
        if facts is not None:
            values = tuple(getattr(facts, name) for name in _FACTS)
            names = orjson.dumps(facts.tasks).decode()
            db.execute("INSERT OR IGNORE INTO tasks (names) VALUES (?)", [names])
            (names,) = db.execute("SELECT id FROM tasks WHERE names = ?", [names]).fetchone()
        rows.append((entry.folder, entry.stamp, entry.error, entry.hint, names, *values))
        if entry.scores is not None:
            scores.append((entry.folder, entry.stamp, orjson.dumps(entry.scores).decode()))
    db.executemany(_INSERT, rows)
    db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", scores)


def _find(db: sqlite3.Connection, wanted: Mapping[str, str]) -> Found:
    """Every text of a query is a parameter; tasks are compared once a list of tasks."""
    lists = {n: _pairs(names) for n, names in db.execute("SELECT id, names FROM tasks")}
    clauses = ["error IS NULL"]
    for key, value in wanted.items():
        if key == "task":
            some = [str(n) for n, pairs in lists.items() if any(value == name for name, _ in pairs)]
            clauses.append(f"tasks IN ({', '.join(some)})")
        else:
            clauses.append(CLAUSES[key])
    columns = ", ".join(f'"{name}"' for name in ("folder", "tasks", *_FACTS))
    query = f"SELECT {columns} FROM runs WHERE {' AND '.join(clauses)} ORDER BY started, folder"
    rows = db.execute(query, dict(wanted)).fetchall()
    runs = [(row[0], RunFacts(*(*row[2:], lists.get(row[1], ())))) for row in rows]
    errors = db.execute("SELECT error, hint FROM runs WHERE error IS NOT NULL ORDER BY folder")
    return Found(runs, [DataError(error, hint=hint) for error, hint in errors])


def _pairs(names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, task) for name, task in orjson.loads(names))


def _entries(db: sqlite3.Connection) -> Iterator[Entry]:
    """Everything that is known, to be told to another machine."""
    lists = {n: _pairs(names) for n, names in db.execute("SELECT id, names FROM tasks")}
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    for folder, stamp, error, hint, tasks, *values in db.execute(f"SELECT {columns} FROM runs"):
        facts = None if error else RunFacts(*(*values, lists.get(tasks, ())))
        yield Entry(folder, stamp, facts, error, hint)
