"""Whether a run is what was written: every file against its digest, every score against its rows,
and the rows against the stored answers.

Nothing is believed that can be checked: ``run.json`` names its own digest and that of
``lock.json``, which names those of all other files; and all scores are computed anew, from the
answers where somebody is given who can score them again.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from attrs import define, field, frozen

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.results import digests
from olmo_eval.results.damage import damaged_json, damaged_lines
from olmo_eval.results.facts import check_record
from olmo_eval.results.folder import LOCK, WITH_TABLES, merged
from olmo_eval.results.pages import damaged_parts
from olmo_eval.results.recompute import recompute
from olmo_eval.results.run import Run

_SUMMARY = "run.json"
_BLOCK = 1 << 20
#: parts of one file that are named
_NAMED = 20


@frozen
class Fault:
    """Something that is not as it was written: in which ``file`` of the run, ``where`` in it as far
    as that is known, and ``what`` is wrong.
    """

    file: str
    what: str
    where: str = ""

    @property
    def text(self) -> str:
        return ": ".join(part for part in (self.file, self.where, self.what) if part)

    def to_dict(self) -> dict[str, str]:
        return {"file": self.file, "where": self.where, "what": self.what}


@define
class ScoredAgain:
    """What scoring the stored answers of a run again has shown.

    - ``tasks``: those it was done for; ``answers``: how many of their instances;
    - ``rows_only``: why it was not done for others, with their names;
    - ``computed``: scores by task and key that were computed from all responses again;
    - ``faults``: what is recorded and not what the answers give.
    """

    tasks: list[str] = field(factory=list)
    answers: int = 0
    rows_only: dict[str, list[str]] = field(factory=dict)
    computed: set[tuple[str, str]] = field(factory=set)
    faults: list[Fault] = field(factory=list)

    def notes(self) -> Iterator[str]:
        for why, names in self.rows_only.items():
            yield f"{_some(names)}: recomputed from rows only: {why}"


#: scores the stored answers of a run again: ``olmo_eval.runner.reproduce.score_again``
Again = Callable[[Run], ScoredAgain]


@define
class Verification:
    """What was checked of a run, and what is wrong with it.

    ``files`` were compared with their digests, ``scores`` with what their rows give, the rows of
    ``answers`` instances with what scoring their answers again gives. ``notes`` say what could not
    be checked.
    """

    location: str
    run_id: str
    status: str = "unknown"
    files: int = 0
    size: int = 0
    scores: int = 0
    answers: int = 0
    faults: list[Fault] = field(factory=list)
    notes: list[str] = field(factory=list)

    @property
    def sound(self) -> bool:
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id, "location": self.location, "status": self.status,
            "sound": self.sound, "files": self.files, "bytes": self.size, "scores": self.scores,
            "answers": self.answers, "faults": [fault.to_dict() for fault in self.faults],
            "notes": self.notes,
        }  # fmt: skip


def verify_run(location: str, again: Again | None = None) -> Verification:
    """Check every file of the run in a folder or at a URL, and compute its scores anew: from its
    rows, and where ``again`` is given these from the stored answers.

    What is wrong is in the result, also where nothing of the run can be read.

    Raises:
        DataError: the store is not reached.
    """
    return _Check(location.rstrip("/"), again).verified()


def verify_store(results: str, again: Again | None = None) -> Iterator[Verification]:
    """``verify_run`` for everything below ``RESULTS/runs``, whether or not an index knows it.

    Raises:
        DataError: the store cannot be listed.
    """
    from pyarrow import fs

    filesystem, root = open_filesystem(results)
    try:
        found = filesystem.get_file_info(fs.FileSelector(f"{root}/runs", allow_not_found=True))
    except OSError as error:
        raise DataError(f"cannot list {results}: {error}", hint=way_out(error)) from error
    names = sorted(info.base_name for info in found if info.type is fs.FileType.Directory)
    for name in names:
        if not name.startswith("."):
            yield verify_run(f"{results.rstrip('/')}/runs/{name}", again)


class _Check:
    """The check of one run."""

    def __init__(self, location: str, again: Again | None) -> None:
        self.location = location
        self._again = again
        self._filesystem, self._place = open_filesystem(location)
        self.done = Verification(location, location.rpartition("/")[2])
        #: whether what ``lock.json`` says of other files can be believed
        self._believed = True

    def verified(self) -> Verification:
        summary = self._read(_SUMMARY)
        if summary is None:
            self._fault(_SUMMARY, "there is no such file")
            return self.done
        record = self._record(summary)
        if record is None:
            self._unlisted(())
            return self.done
        self.done.status = Run(self.location, record).status
        if self.done.status in WITH_TABLES:
            self._tables(record)
            self._scores()
        else:
            self.done.notes.append(f"it is {self.done.status}: only its journal can be checked")
        self._journals()
        return self.done

    # -- run.json and lock.json

    def _record(self, summary: bytes) -> dict[str, Any] | None:
        """The record of the run, where both its parts can be read."""
        told = self._json(_SUMMARY, summary)
        kept = None if told is None else told.get(digests.IN_SUMMARY)
        lock = self._read(LOCK)
        if lock is None and (kept or (told or {}).get("schema_version", 1) != 1):
            self._fault(LOCK, "there is no such file")
        rest = {} if lock is None else self._json(LOCK, lock)
        if isinstance(kept, dict) and {_SUMMARY, LOCK} <= kept.keys():
            own = str(kept[_SUMMARY])
            sound = self._compare(_SUMMARY, own, digests.self_digest(summary, own), len(summary))
            if lock is not None and sound:
                locked = self._compare(LOCK, str(kept[LOCK]), digests.sha256(lock), len(lock))
                self._believed = locked
        elif told is not None and rest and digests.covers(rest):
            self._fault(_SUMMARY, "the digests that it had are gone")
        if told is None or rest is None:
            return None
        try:
            record = check_record(merged(told, rest), self.location)
        except OlmoEvalError as error:
            if not self.done.faults:
                self._fault(_SUMMARY, error.message)
            return None
        if record["run_id"] != self.done.run_id:
            self.done.notes.append(f"its folder is not called {record['run_id']}, as the run is")
        return record

    def _json(self, name: str, content: bytes) -> dict[str, Any] | None:
        wrong = damaged_json(content)
        if wrong is not None:
            self._fault(name, wrong)
            return None
        found: dict[str, Any] = orjson.loads(content)
        return found

    # -- the other files

    def _tables(self, record: Mapping[str, Any]) -> None:
        listed = record.get(digests.IN_LOCK)
        if not isinstance(listed, dict) or not listed:
            made = record.get("olmo_eval_version", "an earlier version")
            self.done.notes.append(
                f"olmo-eval {made} wrote no digests of its tables: a changed byte is found only "
                "where a table cannot be read, or its scores come out otherwise"
            )
            for name in self._names():
                if digests.is_covered(name) and name.endswith(".parquet"):
                    self._locate(name, "it cannot be read")
            return
        for name, told in sorted(listed.items()):
            self._check_file(name, told if isinstance(told, dict) else {})
        self._unlisted(listed)

    def _check_file(self, name: str, told: Mapping[str, Any]) -> None:
        """Compare a file with its digest, where that is not damaged itself."""
        try:
            digest, size = self._digest(name)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            self._differs(name, "there is no such file" if gone else f"it cannot be read: {error}")
            return
        self.done.files += 1
        self.done.size += size
        if size != told.get("bytes"):
            self._differs(name, f"it has {size:,} bytes, and had {told.get('bytes')}")
        elif digest != told.get("sha256"):
            what, where = _changed(str(told.get("sha256")), digest), ""
            if name.endswith(".parquet"):
                if self._locate(name, "its content has changed"):
                    return
                where = "page headers or metadata, no value"
            self._differs(name, what, where)

    def _differs(self, name: str, what: str, where: str = "") -> None:
        if self._believed:
            self._fault(name, what, where)
        else:
            self.done.notes.append(f"{name}: not checked, {LOCK} is damaged, and says otherwise")

    def _compare(self, name: str, told: str, found: str, size: int) -> bool:
        """Whether the digest ``told`` of a file is the one that was ``found``."""
        self.done.files += 1
        self.done.size += size
        if told != found:
            self._fault(name, _changed(told, found))
        return told == found

    def _locate(self, name: str, what: str) -> int:
        """A fault for each part of a table that is damaged; returns how many there are."""
        with self._local(name) as path:
            parts = damaged_parts(path)
        for part in parts[:_NAMED]:
            self._fault(name, what, part)
        if len(parts) > _NAMED:
            self._fault(name, what, f"{len(parts) - _NAMED:,} more parts")
        return len(parts)

    def _unlisted(self, listed: Any) -> None:
        strange = [n for n in self._names() if digests.is_covered(n) and n not in listed]
        if strange:
            what = "not checked, there is no digest to check by"
            self.done.notes.append(f"{_some(strange)}: {what}")

    def _journals(self) -> None:
        ended = self.done.status in WITH_TABLES
        for name in self._names():
            if not name.startswith("journal/"):
                continue
            with self._filesystem.open_input_stream(f"{self._place}/{name}") as stream:
                for number, where in enumerate(damaged_lines(_lines(stream), whole=ended)):
                    if number < _NAMED:
                        self._fault(name, "what it held cannot be read", where)

    # -- the scores

    def _scores(self) -> None:
        """Scores against rows; nothing where a damaged table is named already."""
        if self.done.faults:
            self.done.notes.append("its scores were not computed anew, since a file is damaged")
            return
        try:
            found = recompute(Run(self.location))
        except (OlmoEvalError, KeyError, TypeError, ValueError, StopIteration) as error:
            self._fault("metrics.parquet", f"its scores cannot be computed anew: {error}")
            return
        self.done.scores = len(found.agree)
        for wrong in found.differ:
            self._fault("metrics.parquet", wrong.text, f"column {wrong.column}")
        computed = self._answers()
        left = [(s.name, f"{s.metric}:{s.scorer}") for s in found.alone]
        left = [one for one in left if one not in computed]
        self.done.scores += len(found.alone) - len(left)
        if left:
            names = _some([" ".join(one) for one in left])
            self.done.notes.append(f"no mean of its rows, so not computed anew: {names}")

    def _answers(self) -> set[tuple[str, str]]:
        """Score the stored answers again; returns what was computed from all of them."""
        if self._again is None:
            return set()
        try:
            found = self._again(Run(self.location))
        except OlmoEvalError as error:
            self.done.notes.append(f"its answers were not scored again: {error.message}")
            return set()
        self.done.answers = found.answers
        self.done.faults += found.faults
        self.done.notes += found.notes()
        return found.computed

    # -- the file system

    def _fault(self, file: str, what: str, where: str = "") -> None:
        self.done.faults.append(Fault(file, what, where))

    def _read(self, name: str) -> bytes | None:
        try:
            with self._filesystem.open_input_file(f"{self._place}/{name}") as file:
                return bytes(file.readall())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            where = f"{self.location}/{name}"
            raise DataError(f"{where} cannot be read: {error}", hint=way_out(error)) from error

    @contextmanager
    def _local(self, name: str) -> Iterator[Path]:
        """A file of the run on this machine, copied where it is not."""
        if "://" not in self.location:
            yield Path(self._place, name)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "table.parquet")
            with (
                self._filesystem.open_input_stream(f"{self._place}/{name}") as stream,
                path.open("wb") as file,
            ):
                shutil.copyfileobj(stream, file, _BLOCK)
            yield path

    def _digest(self, name: str) -> tuple[str, int]:
        """SHA-256 and size of a file. Raises OSError."""
        found, size = hashlib.sha256(), 0
        with self._filesystem.open_input_stream(f"{self._place}/{name}") as stream:
            while block := stream.read(_BLOCK):
                found.update(block)
                size += len(block)
        return found.hexdigest(), size

    def _names(self) -> list[str]:
        from pyarrow import fs

        selector = fs.FileSelector(self._place, recursive=True, allow_not_found=True)
        found = self._filesystem.get_file_info(selector)
        return sorted(i.path[len(self._place) + 1 :] for i in found if i.is_file)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _changed(told: str, found: str) -> str:
    return f"its SHA-256 is {found[:16]}..., and was {told[:16]}..."


def _lines(stream: Any) -> Iterator[bytes]:
    """The lines of a stream of bytes, their ends included."""
    left = b""
    while block := stream.read(_BLOCK):
        *whole, left = (left + block).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if left:
        yield left
