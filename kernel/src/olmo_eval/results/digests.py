"""Digests of a run's files, by which a byte that changed is found.

``run.json`` names the SHA-256 of ``lock.json``, and its own; ``lock.json`` that of every other file
of a run that has ended. So one digest, that of ``run.json``, stands for the whole run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: where ``run.json`` keeps digests, and ``lock.json`` those of all other files
IN_SUMMARY, IN_LOCK = "digests", "files"
#: what stands in the place of its own digest while that of ``run.json`` is made
_ZEROS = b"0" * 64
#: what changes after a run has ended, or is gone then: a journal checks each of its lines itself
_PASSING = ("journal/", "lease.json")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def self_digest(content: bytes, own: str) -> str:
    """The SHA-256 of a text in which its digest ``own`` stands, made with zeros in that place."""
    return sha256(content.replace(own.encode(), _ZEROS, 1))


def with_self_digest(content: bytes) -> bytes:
    """A text in which zeros keep the place of its own digest, with that digest in it."""
    return content.replace(_ZEROS, sha256(content).encode(), 1)


def place_for(lock: bytes) -> dict[str, str]:
    """What ``run.json`` says of itself, a place kept, and of its ``lock.json``."""
    return {"lock.json": sha256(lock), "run.json": _ZEROS.decode()}


def digests_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of a run's folder that neither record holds itself, by its
    path in the folder. Raises OSError."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and is_covered(name):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[name] = entry(digest, path.stat().st_size)
    return found


def is_covered(name: str) -> bool:
    """Whether ``lock.json`` has the digest of a run's file of this name."""
    own = name in ("run.json", "lock.json")
    return not own and not name.startswith(_PASSING) and not name.endswith(".tmp")


def entry(digest: str, size: int) -> dict[str, Any]:
    return {"sha256": digest, "bytes": size}


def covers(record: Mapping[str, Any]) -> bool:
    """Whether a run's record has digests of its tables."""
    return bool(record.get(IN_LOCK))
