"""Which runs a store holds, and which of them have changed since they were looked at last.

On local disk every ``run.json`` is looked at (its time, size and inode), and none is read. In an
object store that would be a request a run. There, whoever writes a ``run.json`` also writes a
*change note* below ``.index/changes/HOUR/``, which holds what an index keeps of the run; a look
lists the hours since the last one. Runs that were copied or deleted by other means leave no note:
their folders are compared with the listing of all folders once an hour, or when asked for.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from attrs import field, frozen

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError
from olmo_eval.results.facts import RunFacts, facts_of, read_record

#: seconds after which all folders of an object store are listed again
LIST_EVERY = 3600.0
#: seconds by which clocks of writers may differ, and a note may be late
_LATE = 900.0
#: seconds that change notes are kept
_KEPT = 7 * 86400.0
#: hours that are listed one by one; more are one listing of all notes
_HOURS = 3
_READERS = 16
#: files that one thread looks at
_AT_ONCE = 250
#: runs that are worth a snapshot for the next machine
_MANY = 100


@frozen
class Entry:
    """What the index keeps of one run's folder: its facts, or why there are none.

    ``stamp`` tells one content of its ``run.json`` from another. ``scores`` are rows of its primary
    scores where they are known already.
    """

    folder: str
    stamp: str
    facts: RunFacts | None
    error: str | None = None
    hint: str | None = None
    scores: list[list[Any]] | None = None

    def to_dict(self) -> dict[str, Any]:
        facts = None if self.facts is None else self.facts.to_dict()
        return {
            "folder": self.folder, "stamp": self.stamp, "facts": facts, "error": self.error,
            "hint": self.hint, "scores": self.scores,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Entry:
        """Raises TypeError, KeyError and ValueError for what ``to_dict`` did not make."""
        facts = None if data["facts"] is None else RunFacts.from_dict(data["facts"])
        return cls(**{**data, "facts": facts})


@frozen
class Look:
    """What is new: runs to be read (with their stamps), runs known without reading, and runs that
    are gone. ``state`` is to be kept for the next look.
    """

    changed: Mapping[str, str]
    gone: frozenset[str]
    told: list[Entry] = field(factory=list)
    state: Mapping[str, str] = field(factory=dict)


def read_entry(location: str, folder: str, stamp: str) -> Entry | None:
    """What the index keeps of a run; None where it has no ``run.json`` (yet, or any more)."""
    try:
        return Entry(folder, stamp, facts_of(read_record(f"{location}/runs/{folder}")))
    except FileNotFoundError:
        return None
    except DataError as error:
        said = error.message.removeprefix(f"{location}/")  # the same folder has several paths
        return Entry(folder, stamp, None, said.encode("utf-8", "replace").decode(), error.hint)


class LocalRuns:
    """The runs below a folder."""

    def __init__(self, location: str) -> None:
        self.location = location

    def look(self, known: Mapping[str, str], state: Mapping[str, str], refresh: bool) -> Look:
        """Raises DataError where the folder cannot be listed."""
        found = self._stamps()
        changed = {n: s for n, s in found.items() if refresh or known.get(n) != s}
        return Look(changed, frozenset(known.keys() - found.keys()))

    def read(self, changed: Mapping[str, str]) -> Iterator[Entry | None]:
        return (read_entry(self.location, name, stamp) for name, stamp in changed.items())

    def _stamps(self) -> dict[str, str]:
        runs = Path(self.location) / "runs"
        try:
            names = sorted(entry.name for entry in os.scandir(runs))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise DataError(f"cannot list the runs of {self.location}: {error}") from error
        names = [n for n in names if not n.startswith(".") and n.isprintable()]
        if len(names) <= _AT_ONCE:
            return _stamps_of(runs, names)
        parts = (names[i : i + _AT_ONCE] for i in range(0, len(names), _AT_ONCE))
        with ThreadPoolExecutor(_READERS) as pool:  # a network file system answers them together
            found = pool.map(lambda part: _stamps_of(runs, part), parts)
            return {name: stamp for stamps in found for name, stamp in stamps.items()}


def _stamps_of(runs: Path, names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            told = os.stat(f"{runs}/{name}/run.json")
            found[name] = f"{told.st_mtime_ns}.{told.st_size}.{told.st_ino}"
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            found[name] = f"errno {error.errno}"
    return found


class BucketRuns:
    """The runs at a URL."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._opened: tuple[Any, str] | None = None

    @property
    def _place(self) -> tuple[Any, str]:
        if self._opened is None:
            self._opened = open_filesystem(self.location)
        return self._opened

    def look(self, known: Mapping[str, str], state: Mapping[str, str], refresh: bool) -> Look:
        """Raises DataError where the store cannot be listed."""
        now = time.time()
        looked, listed = (float(state.get(key, 0)) for key in ("looked", "listed"))
        refresh = refresh or now - looked > _KEPT - 2 * _LATE
        changed: dict[str, str] = {}
        gone: frozenset[str] = frozenset()
        try:
            notes = self._notes(now if refresh else looked, now)
            if refresh or now - listed > LIST_EVERY:
                folders, listed = self._folders(), now
                unknown = (f for f in folders if refresh or f not in known)
                changed = dict.fromkeys(sorted(unknown), f"listed {now:.0f}")
                gone = frozenset(known.keys() - folders)
        except OSError as error:
            raise DataError(
                f"cannot list the runs of {self.location}: {error}", hint=way_out(error)
            ) from error
        seen = set(orjson.loads(state.get("seen", "[]")))
        fresh = [i for name, i in notes.items() if name not in seen and not refresh]
        told, unreadable = self._told(fresh)
        for entry in told:
            changed.pop(entry.folder, None)
        changed.update(dict.fromkeys(unreadable, f"listed {now:.0f}"))
        after = {"looked": f"{now:.3f}", "listed": f"{listed:.3f}"}
        after["seen"] = orjson.dumps(sorted(notes)).decode()
        if not fresh and now - looked < _LATE / 3 and after["listed"] == state.get("listed"):
            after = dict(state)  # nothing new to remember
        return Look(changed, gone, told, after)

    def read(self, changed: Mapping[str, str]) -> Iterator[Entry | None]:
        """Read in parallel: in an object store waiting is all it costs."""
        with ThreadPoolExecutor(_READERS) as pool:
            yield from pool.map(
                lambda item: read_entry(self.location, *item), list(changed.items())
            )

    def _folders(self) -> frozenset[str]:
        from pyarrow import fs

        filesystem, root = self._place
        infos = filesystem.get_file_info(fs.FileSelector(f"{root}/runs", allow_not_found=True))
        names = (i.path.rstrip("/").rpartition("/")[2] for i in infos if not i.is_file)
        return frozenset(name for name in names if name and not name.startswith("."))

    def _notes(self, looked: float, now: float) -> dict[str, Any]:
        """The change notes that may have come since the last look, by name."""
        from pyarrow import fs

        filesystem, root = self._place
        places = [f"{root}/{_CHANGES}/{hour}" for hour in _hours(looked - _LATE, now + _LATE)]
        if len(places) > _HOURS:
            places = [f"{root}/{_CHANGES}"]
        notes: dict[str, Any] = {}
        for place in places:
            selector = fs.FileSelector(place, allow_not_found=True, recursive=True)
            for info in filesystem.get_file_info(selector):
                if info.is_file and info.path.endswith(_SUFFIX):
                    notes[info.path.rpartition("/")[2]] = info
        return notes

    def _told(self, infos: list[Any]) -> tuple[list[Entry], set[str]]:
        """What the notes say, the newest of each run, and the runs whose notes say nothing."""
        newest: dict[str, Any] = {}
        # by the one clock of the store, since a writer's may have gone back meanwhile
        for info in sorted(infos, key=lambda i: (i.mtime_ns or 0, i.path.rpartition("/")[2])):
            newest[_folder_of(info.path)] = info
        if not newest:
            return [], set()
        told = []
        for line in _lines(self._place[0], list(newest.values())):
            with contextlib.suppress(ValueError, TypeError, KeyError):  # of another version
                told.append(Entry.from_dict(orjson.loads(line)))
        return told, newest.keys() - {entry.folder for entry in told}

    # -- the snapshot: what one machine has read, for the next one

    def load(self) -> tuple[list[Entry], dict[str, str]]:
        """All entries as another machine knew them, and its state; empty where there is none."""
        filesystem, root = self._place
        try:
            with filesystem.open_input_file(f"{root}/{_SNAPSHOT}") as file:
                state, *lines = gzip.decompress(file.readall()).splitlines()
            return [Entry.from_dict(orjson.loads(line)) for line in lines], orjson.loads(state)
        except (OSError, EOFError, ValueError, TypeError, KeyError):
            return [], {}

    def save(self, entries: Iterable[Entry], state: Mapping[str, str], read: int) -> None:
        """Leave a snapshot after ``read`` runs were read, where they were many; a store that one
        may only read gets none."""
        if read < _MANY:
            return
        lines = [orjson.dumps(dict(state)), *(orjson.dumps(e.to_dict()) for e in entries)]
        filesystem, root = self._place
        with contextlib.suppress(OSError):
            put(filesystem, f"{root}/{_SNAPSHOT}", gzip.compress(b"\n".join(lines), 5))


_CHANGES = ".index/changes"
_SUFFIX = ".v1.json"
_SNAPSHOT = ".index/runs.v1.snapshot"  # .gz would be packed twice


def put(filesystem: Any, path: str, content: bytes) -> None:
    """Write an object whole. Raises OSError."""
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def note_change(filesystem: Any, root: str, entry: Entry) -> None:
    """Say in an object store that the ``run.json`` of a run is new. Raises OSError."""
    moment = datetime.now(UTC)
    name = f"{moment:%Y%m%dT%H%M%S%f}-{entry.folder}{_SUFFIX}"
    line = orjson.dumps({"line": orjson.dumps(entry.to_dict()).decode()}) + b"\n"
    put(filesystem, f"{root}/{_CHANGES}/{moment:{_HOUR}}/{name}", line)


def forget_old_changes(filesystem: Any, root: str) -> None:
    """Remove change notes that every reader has seen, or will not ask for. Raises OSError."""
    from pyarrow import fs

    oldest = f"{datetime.now(UTC) - timedelta(seconds=_KEPT):{_HOUR}}"
    selector = fs.FileSelector(f"{root}/{_CHANGES}", allow_not_found=True)
    for info in filesystem.get_file_info(selector):
        if info.path.rstrip("/").rpartition("/")[2] < oldest:
            filesystem.delete_dir(info.path)


_HOUR = "%Y%m%dT%H"


def _hours(begin: float, end: float) -> list[str]:
    if end - begin > (_HOURS + 1) * 3600:
        return [""] * (_HOURS + 1)
    first = datetime.fromtimestamp(begin, UTC).replace(minute=0, second=0, microsecond=0)
    hours = (first + timedelta(hours=n) for n in range(_HOURS + 2))
    return [f"{hour:{_HOUR}}" for hour in hours if hour.timestamp() <= end]


def _folder_of(path: str) -> str:
    """The run that a change note is about: its name goes on after the time."""
    return path.rpartition("/")[2].partition("-")[2].removesuffix(_SUFFIX)


def _lines(filesystem: Any, infos: list[Any]) -> Iterator[str]:
    """The content of small objects whose sizes are known, one request each, side by side.

    (Opening an object as a file asks for its size first; a data set is told.)
    """
    import pyarrow as pa
    from pyarrow import dataset
    from pyarrow.json import ReadOptions

    kind = dataset.JsonFileFormat()
    schema = pa.schema([("line", pa.string())])
    options = dataset.JsonFragmentScanOptions(read_options=ReadOptions(block_size=1 << 26))
    with ThreadPoolExecutor(_READERS) as pool:

        def lines(info: Any) -> list[Any]:
            fragment = kind.make_fragment(info.path, filesystem, file_size=info.size)
            try:
                table = fragment.to_table(schema=schema, fragment_scan_options=options)
            except (OSError, pa.ArrowException):
                return []  # removed meanwhile, or damaged
            return [line for line in table.column("line").to_pylist() if line]

        for found in pool.map(lines, infos):
            yield from found
