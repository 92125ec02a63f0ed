"""A run at a URL while a machine makes it: kept safe against losing the machine.

The run is made in a staging folder of the user's cache. Meanwhile the journal is copied to the
store in pieces, since objects cannot be appended to: ``RUN/journal/SHARD.jsonl.NUMBER.TOKEN``, each
some whole lines, written once. A *lease*, ``RUN/lease.json``, says which machine makes the run and
until when; it is renewed meanwhile. When it has expired, the same command on any machine fetches
the pieces and goes on. What a lost machine had finished and not copied yet is asked for again: at
most the answers of ``PIECE_SECONDS``, or of ``PIECE_BYTES`` where those come sooner.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from attrs import define, field

from olmo_eval.common.filesystem import cache_of, open_filesystem, way_out
from olmo_eval.errors import DataError
from olmo_eval.results.facts import check_record, facts_of
from olmo_eval.results.folder import LOCK, RunFolder, merged, write_atomically
from olmo_eval.results.lease import Claim
from olmo_eval.results.listing import Entry, forget_old_changes, note_change, put
from olmo_eval.results.store import Run, primary_rows

#: a piece of the journal is uploaded when so much has come since the last one
PIECE_SECONDS = 5.0
PIECE_BYTES = 4 << 20
_LARGEST_PIECE = 64 << 20
_READERS = 16


def staging_root(results: str) -> Path:
    """Where runs of the store at a URL lie while this machine makes them."""
    return cache_of("staging", results)


@contextmanager
def made_at(results: str, folder: RunFolder, tell: Callable[[str], None]) -> Iterator[None]:
    """Make a run at a URL in its staging ``folder``, which then holds what the store has of it.

    What is finished below is copied to the store all the while. In the end the run is published:
    its tables, and last its ``run.json``; then the pieces of its journal are removed, unless the
    run still needs its journal. Where what is below raises, what is finished is copied.

    Raises:
        UsageError: another machine makes the run. DataError: the store cannot be written; what is
            staged stays where it is.
    """
    run = RemoteRun(results, folder, tell)
    with _named_errors(results, folder):
        run.claim.take()
        run.fetch()
    run.start()
    try:
        yield
    except BaseException:
        run.stop()
        run.save(told=True)
        run.claim.release()
        raise
    run.stop()
    with _named_errors(results, folder):
        run.save()
        run.publish()
    run.claim.release()
    shutil.rmtree(folder.path, ignore_errors=True)


@contextmanager
def _named_errors(results: str, folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kept, way = f"what is finished is kept in {folder.path}", way_out(error)
        raise DataError(
            f"cannot write results to {results}: {error}",
            hint=f"{kept}; {way}" if way else f"{kept}; rerun the same command to go on",
        ) from error


@define
class _Shard:
    """How far one file of the journal is copied: bytes, pieces, and the name of the last one."""

    offset: int = 0
    pieces: int = 0
    last: str = ""
    number: int = 0


@define
class RemoteRun:
    """One run in the store and in its staging folder."""

    results: str
    folder: RunFolder
    tell: Callable[[str], None]
    _shards: dict[str, _Shard] = field(factory=dict)
    _record_sent: bytes = b""
    _failing: bool = False
    _copied: float = 0.0
    _stopped: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None
    filesystem: Any = field(init=False)
    _root: str = field(init=False)
    claim: Claim = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.filesystem, self._root = open_filesystem(self.results)
        self.claim = Claim(self.filesystem, self.place, self.folder.run_id, self.tell)

    @property
    def place(self) -> str:
        """The run's folder in the store's file system."""
        return f"{self._root}/runs/{self.folder.run_id}"

    # -- from the store

    def fetch(self) -> None:
        """Bring the staging folder up to what the store has, keeping what only it has.

        Raises OSError, DataError.
        """
        pieces = pieces_of(self.filesystem, self.place)
        shards = self._load_state()
        told = {name: (len(found), found[-1][1]) for name, found in pieces.items()}
        same = told == {name: (s.pieces, s.last) for name, s in shards.items() if s.pieces}
        if same and (self.folder.path / "run.json").is_file():
            self._shards = shards
            return
        for name, found in pieces.items():
            self._fetch_shard(name, found, shards.get(name, _Shard()).offset)
        record = _read(self.filesystem, f"{self.place}/run.json")
        if record is not None:
            where = f"{self.results}/runs/{self.folder.run_id}"
            lock = _read(self.filesystem, f"{self.place}/{LOCK}") or b"{}"
            try:
                whole = merged(orjson.loads(record), orjson.loads(lock))
                self.folder.write_json(check_record(whole, where))
            except ValueError as error:
                raise DataError(f"{where}/run.json cannot be read: {error}") from error
        self._save_state()

    def _fetch_shard(self, name: str, pieces: list[tuple[int, str]], offset: int) -> None:
        """All pieces, then what this machine has beyond those it copied itself."""
        local = self.folder.path / "journal" / name
        tail = local.read_bytes()[offset:] if local.is_file() else b""
        local.parent.mkdir(parents=True, exist_ok=True)
        fetched = local.with_suffix(".fetched")
        with fetched.open("wb") as file:
            for content in contents_of(self.filesystem, self.place, [p for _, p in pieces]):
                file.write(content)
            copied = file.tell()
            file.write(tail)
        fetched.replace(local)
        number, last = pieces[-1]
        self._shards[name] = _Shard(copied, len(pieces), last, number)

    # -- to the store

    def start(self) -> None:
        """Begin to copy what is finished."""
        self._copied = time.monotonic()
        self._thread = threading.Thread(target=self._keep_copying, name="upload", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _keep_copying(self) -> None:
        while not self._stopped.wait(min(0.5, PIECE_SECONDS / 4)):
            try:
                self._copy_what_is_due()
                self._failing = False
            except OSError as error:
                if not self._failing:
                    self._failing = True
                    self.tell(f"cannot copy what is finished to {self.results} just now: {error}")

    def _copy_what_is_due(self) -> None:
        now = time.monotonic()
        self.claim.keep()
        if not self.claim.lost:
            self.send_record()
        if now - self._copied >= PIECE_SECONDS or self._waiting() >= PIECE_BYTES:
            self.copy_journal()
            self._copied = now

    def _waiting(self) -> int:
        """Bytes of the journal that are not copied."""
        return sum(
            path.stat().st_size - self._shards.get(path.name, _Shard()).offset
            for path in self._journal_files()
        )

    def _journal_files(self) -> list[Path]:
        return sorted((self.folder.path / "journal").glob("*.jsonl"))

    def save(self, *, told: bool = False) -> None:
        """Copy everything that is finished. ``told``: an error is told, not raised.

        Raises OSError.
        """
        try:
            self.copy_journal()
            if not self.claim.lost:
                self.send_record()
        except OSError as error:
            if not told:
                raise
            kept = f"what is finished is kept in {self.folder.path}"
            self.tell(f"cannot write results to {self.results}: {error}; {kept}")

    def follow(self, journal: str, number: int) -> None:
        """Copy a file of the journal in pieces whose numbers follow ``number``."""
        self._shards[journal] = _Shard(number=number)

    def copy_journal(self) -> None:
        """Copy what is new in the journal. Raises OSError."""
        for path in self._journal_files():
            while self._copy_piece(path):
                pass

    def _copy_piece(self, path: Path) -> bool:
        """Copy the next whole lines of a file of the journal; whether there were any."""
        shard = self._shards.setdefault(path.name, _Shard())
        with path.open("rb") as file:
            if file.seek(0, 2) < shard.offset:
                shard.offset = 0  # written anew
            file.seek(shard.offset)
            content = file.read(_LARGEST_PIECE)
            if len(content) == _LARGEST_PIECE and b"\n" not in content:
                content += file.readline()
        content = content[: content.rfind(b"\n") + 1]
        if not content:
            return False
        number = shard.number + 1
        name = f"{path.name}.{number:08d}.{self.claim.token}"
        put(self.filesystem, f"{self.place}/journal/{name}", content)
        shard.offset += len(content)
        shard.number, shard.pieces, shard.last = number, shard.pieces + 1, name
        self._save_state()
        return True

    def send_record(self) -> None:
        """Put ``run.json`` where it has changed, and a note for indexes."""
        path = self.folder.path / "run.json"
        content = path.read_bytes() if path.is_file() else b""
        if content and content != self._record_sent:
            lock = (self.folder.path / LOCK).read_bytes()
            put(self.filesystem, f"{self.place}/{LOCK}", lock)
            put_record(self.filesystem, self._root, self.folder.run_id, content)
            self._record_sent = content

    def publish(self) -> None:
        """Copy the tables, then ``run.json``; remove the journal's pieces where it is done with.

        Raises:
            DataError: another machine has taken the run over. OSError.
        """
        if self.claim.lost:
            raise DataError(
                f"another machine took over run {self.folder.run_id} while this one could not "
                "renew its lease",
                hint=f"what was made here is kept in {self.folder.path}",
            )
        journal, last = self.folder.path / "journal", self.folder.path / "run.json"
        paths = sorted(p for p in self.folder.path.rglob("*") if p.is_file())
        for path in paths:
            if path != last and journal not in path.parents:
                name = f"{self.place}/{path.relative_to(self.folder.path).as_posix()}"
                with (
                    path.open("rb") as file,
                    self.filesystem.open_output_stream(name) as stream,
                ):
                    shutil.copyfileobj(file, stream, 1 << 20)
        content = last.read_bytes()
        scores = primary_rows(Run(str(self.folder.path), orjson.loads(content)))
        put_record(self.filesystem, self._root, self.folder.run_id, content, scores)
        if not self._journal_files() and self._shards:
            self.filesystem.delete_dir(f"{self.place}/journal")
        self._state.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            forget_old_changes(self.filesystem, self._root)

    # -- what this machine has copied

    @property
    def _state(self) -> Path:
        return self.folder.path.parent.parent / "copied" / f"{self.folder.run_id}.json"

    def _load_state(self) -> dict[str, _Shard]:
        try:
            data = orjson.loads(self._state.read_bytes())
            return {name: _Shard(**shard) for name, shard in data.items()}
        except (OSError, ValueError, TypeError):
            return {}

    def _save_state(self) -> None:
        data = {
            name: {"offset": s.offset, "pieces": s.pieces, "last": s.last, "number": s.number}
            for name, s in self._shards.items()
        }
        self._state.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._state, orjson.dumps(data))


def put_record(
    filesystem: Any, root: str, run_id: str, content: bytes, scores: list[list[Any]] | None = None
) -> None:
    """Write the ``run.json`` of a run at a URL, and say so to indexes. Raises OSError."""
    put(filesystem, f"{root}/runs/{run_id}/run.json", content)
    stamp = f"noted {time.time():.6f}"
    note_change(
        filesystem, root, Entry(run_id, stamp, facts_of(orjson.loads(content)), scores=scores)
    )


def fetch_journal(location: str, folder: Path) -> None:
    """Copy the journal of an unfinished run at a URL into ``folder``. Raises OSError."""
    filesystem, place = open_filesystem(location)
    for name, found in pieces_of(filesystem, place).items():
        with (folder / name).open("wb") as file:
            for content in contents_of(filesystem, place, [piece for _, piece in found]):
                file.write(content)


def pieces_of(filesystem: Any, place: str) -> dict[str, list[tuple[int, str]]]:
    """The pieces of each file of a run's journal: number and name, in order."""
    from pyarrow import fs

    selector = fs.FileSelector(f"{place}/journal", allow_not_found=True)
    found: dict[str, list[tuple[int, str]]] = {}
    for info in filesystem.get_file_info(selector):
        name = info.path.rpartition("/")[2]
        shard, _, rest = name.partition(".jsonl.")
        number = rest.partition(".")[0]
        if info.is_file and number.isdigit():
            found.setdefault(f"{shard}.jsonl", []).append((int(number), name))
    return {shard: sorted(pieces) for shard, pieces in found.items()}


def contents_of(filesystem: Any, place: str, names: list[str]) -> Iterator[bytes]:
    """Objects in order, fetched side by side, a few at a time."""
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(names), _READERS):
            some = names[start : start + _READERS]
            for content in pool.map(lambda n: _read(filesystem, f"{place}/journal/{n}"), some):
                yield content or b""


def _read(filesystem: Any, path: str) -> bytes | None:
    try:
        with filesystem.open_input_file(path) as file:
            return bytes(file.readall())
    except FileNotFoundError:
        return None
