"""The journal: every finished instance, appended before it counts.

One file of lines, each a checksum and a JSON record::

    8f3a10bc {"task": "gsm8k", "instance_id": "...", ...}

A line reaches the operating system in one write, so a killed process loses nothing it had
finished; a torn last line is cut when the journal is opened again. The last record of an
instance wins.
"""

from __future__ import annotations

import errno
import math
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import orjson

from olmo_eval.common.convert import to_json
from olmo_eval.errors import OlmoEvalError

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS
#: seconds between looks at whether the file was deleted: what is written meanwhile is lost with it
_LOOK_EVERY = 0.05


class JournalError(OlmoEvalError):
    """The journal cannot be written: a full disk, a read-only folder."""


class JournalGoneError(JournalError):
    """Somebody deleted the journal while the run was being made."""


def encode(record: dict[str, Any], redact: Callable[[bytes], bytes] | None = None) -> bytes:
    """One line of the journal, newline included; ``redact`` removes secrets from its JSON."""
    try:
        body = orjson.dumps(record, default=to_json, option=_OPTIONS)
    except (TypeError, ValueError):
        body = orjson.dumps(_without_surrogates(record), default=to_json, option=_OPTIONS)
    if redact is not None:
        body = redact(body)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _without_surrogates(value: Any) -> Any:
    """Text that UTF-8 cannot hold, made safe: a lone surrogate becomes a replacement character."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(v) for v in value]
    return value


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of one line, or None where the line is damaged."""
    if len(line) < 11 or line[8:9] != b" " or not line.endswith(b"\n"):
        return None
    body = line[9:-1]
    try:
        if line[:8] != b"%08x" % zlib.crc32(body):
            return None
        record = orjson.loads(body)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


class Records(Protocol):
    """What a run appends its records to."""

    def append(self, *records: dict[str, Any]) -> list[int]:
        """Append records; returns the byte at which the line of each begins. Raises
        JournalError."""

    def sync(self) -> None:
        """Ask the operating system to put everything on the disk. Raises JournalError."""

    def close(self) -> None: ...


class Journal:
    """An open journal. Opening cuts a torn tail."""

    def __init__(self, path: Path, redact: Callable[[bytes], bytes] | None = None) -> None:
        self.path = path
        self._redact = redact
        self._looked = -math.inf
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            cut_torn_tail(path)
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            raise _explained(error, path) from error

    def append(self, *records: dict[str, Any]) -> list[int]:
        """Append records in one write; when this returns, a killed process cannot lose them.

        Returns the byte at which the line of each begins.

        Raises:
            JournalError: they could not be written; what was written before is safe.
            JournalGoneError: the file was deleted, and what was written before with it.
        """
        return self.extend([encode(record, self._redact) for record in records])

    def extend(self, lines: Sequence[bytes]) -> list[int]:
        """Append whole lines as they are, in one write; see ``append``."""
        text = b"".join(lines)
        before = self._size
        try:
            self._look()
            written = os.write(self._fd, text)
            if written != len(text):
                os.ftruncate(self._fd, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _explained(error, self.path) from error
        self._size += written
        return list(accumulate(map(len, lines[:-1]), initial=before))

    def _look(self) -> None:
        """Now and then, whether the file is still there.

        Raises:
            JournalGoneError: it is not.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        if os.fstat(self._fd).st_nlink == 0:
            raise JournalGoneError(
                f"{self.path} was deleted while the run was being made",
                hint="what it held is lost; the same command begins the run anew",
            )

    def sync(self) -> None:
        """Ask the operating system to put everything on the disk.

        Raises:
            JournalError: it could not. JournalGoneError: the file was deleted.
        """
        self._looked = -math.inf
        try:
            self._look()
            os.fsync(self._fd)
        except OSError as error:
            raise _explained(error, self.path) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def cut_torn_tail(path: Path) -> None:
    """Cut everything after the last whole line of a journal. Raises OSError."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        keep = _last_newline(file, size)
        if keep != size:
            file.truncate(keep)


def _last_newline(file: Any, size: int) -> int:
    """Offset just after the last newline before ``size``."""
    position, block = size, 1 << 16
    while position > 0:
        start = max(0, position - block)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return int(start + found + 1)
        position = start
    return 0


def read(path: Path) -> Iterator[tuple[int, int, dict[str, Any] | None]]:
    """Every line as (offset, length, record); the record is None where the line is damaged."""
    if not path.exists():
        return
    offset = 0
    with path.open("rb") as file:
        for line in file:
            yield offset, len(line), decode(line)
            offset += len(line)


def _explained(error: OSError, path: Path) -> JournalError:
    reason = error.strerror or str(error)
    hint = "everything finished so far is kept; rerun the same command to go on"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JournalError(f"the disk of {path.parent} is full", hint=f"free some space: {hint}")
    if error.errno in (errno.EACCES, errno.EROFS):
        return JournalError(
            f"cannot write to {path.parent}: {reason}", hint="choose another folder with --results"
        )
    return JournalError(f"cannot write {path}: {reason}", hint=hint)
