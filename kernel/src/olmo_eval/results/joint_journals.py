"""Where the journals of a run lie that several processes make together, and how they become its
tables: in the run's folder, or in pieces at a URL.

Each worker writes a journal of its own for each block. What stood in the run's folder before is the
*base*, which nobody writes while the run is made together.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.errors import DataError
from olmo_eval.results import journal
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.ledger import Claim, Manifest, journals_of
from olmo_eval.results.remote_run import RemoteRun, contents_of, pieces_of

#: how the names of the journals of all blocks begin
_BLOCKS = journals_of("")[:-1]


class JointJournals(Protocol):
    """The journals of a run, as one of its workers sees them. Every method may raise OSError.

    ``location`` is the run's; ``folder`` is where this worker writes, ``place`` where it may make
    the run's tables.
    """

    location: str
    folder: RunFolder
    place: Path

    def base(self) -> list[Path]:
        """What was in the run before it was made together, to be read."""

    def earlier(self, claim: Claim) -> Iterator[bytes]:
        """The whole lines that workers which claimed the block before have left."""

    def save(self) -> None:
        """Bring what this worker has written to where others see it."""

    def content(self, name: str) -> bytes:
        """The whole journal called ``name``."""

    def send_record(self) -> None:
        """Bring the run's record to where others see it."""

    def publish(self, made: RunFolder) -> None:
        """Put the tables and the record of the finished run in their places, the record last."""

    def tidy(self, complete: bool) -> None:
        """Remove the journals that the run needs no more."""


class LocalJournals:
    """In a results folder that every worker has mounted."""

    def __init__(self, folder: RunFolder, place: Path) -> None:
        self.location, self.folder, self.place = str(folder.path), folder, place

    def base(self) -> list[Path]:
        return [path for path in self._all() if not path.name.startswith(_BLOCKS)]

    def earlier(self, claim: Claim) -> Iterator[bytes]:
        wanted = journals_of(claim.block)
        paths = [path for path in self._all() if path.name.startswith(wanted)]
        own = self.folder.journal.parent / f"{claim.journal}.jsonl"
        left = sorted((path for path in paths if path != own), key=_by_epoch)
        return _distinct_lines(path.read_bytes() for path in left)

    def save(self) -> None:
        return

    def content(self, name: str) -> bytes:
        return (self.folder.journal.parent / f"{name}.jsonl").read_bytes()

    def send_record(self) -> None:
        return

    def publish(self, made: RunFolder) -> None:
        last = made.path / "run.json"
        for path in sorted(p for p in made.path.rglob("*") if p.is_file() and p != last):
            target = self.folder.path / path.relative_to(made.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        os.replace(last, self.folder.path / "run.json")

    def tidy(self, complete: bool) -> None:
        for path in self._all():
            if complete or path != self.folder.journal:
                path.unlink(missing_ok=True)
        if complete:
            shutil.rmtree(self.folder.journal.parent, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self.folder.journal.parent.glob("*.jsonl"))


class RemoteJournals:
    """At a URL: every worker writes to a folder of its own, from which pieces are copied."""

    def __init__(
        self, results: str, folder: RunFolder, place: Path, tell: Callable[[str], None]
    ) -> None:
        self.location = f"{results.rstrip('/')}/runs/{folder.run_id}"
        self.folder, self.place = folder, place
        self._results, self._tell = results, tell
        self._remote = RemoteRun(results, folder, tell)
        self._saving = threading.Lock()
        self._filesystem, root = open_filesystem(results)
        self._run = f"{root}/runs/{folder.run_id}"

    def base(self) -> list[Path]:
        found = self._pieces(lambda name: not name.startswith(_BLOCKS))
        paths = []
        for name, pieces in found.items():
            path = self.place / "base" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._joined(pieces))
            paths.append(path)
        return paths

    def earlier(self, claim: Claim) -> Iterator[bytes]:
        wanted, own = journals_of(claim.block), f"{claim.journal}.jsonl"
        found = self._pieces(lambda name: name.startswith(wanted) and name != own)
        return _distinct_lines(self._joined(found[name]) for name in sorted(found, key=_epoch))

    def save(self) -> None:
        with self._saving:  # else two threads would copy the same lines
            self._remote.copy_journal()

    def content(self, name: str) -> bytes:
        file = f"{name}.jsonl"
        return self._joined(self._pieces(lambda other: other == file).get(file, []))

    def send_record(self) -> None:
        self._remote.send_record()

    def publish(self, made: RunFolder) -> None:
        remote = RemoteRun(self._results, made, self._tell)
        before = self._pieces(lambda name: name == made.journal.name).get(made.journal.name, [])
        remote.follow(made.journal.name, max((number for number, _ in before), default=0))
        remote.copy_journal()
        remote.publish()
        for _, piece in before:  # what they hold stands in those that were written now
            self._filesystem.delete_file(f"{self._run}/journal/{piece}")

    def tidy(self, complete: bool) -> None:
        for name, pieces in self._pieces(lambda _: True).items():
            if complete or name != f"{self.folder.journal.name}":
                for _, piece in pieces:
                    self._filesystem.delete_file(f"{self._run}/journal/{piece}")

    def _pieces(self, wanted: Callable[[str], bool]) -> dict[str, list[tuple[int, str]]]:
        found = pieces_of(self._filesystem, self._run)
        return {name: pieces for name, pieces in found.items() if wanted(name)}

    def _joined(self, pieces: Iterable[tuple[int, str]]) -> bytes:
        return b"".join(contents_of(self._filesystem, self._run, [name for _, name in pieces]))


def _epoch(journal_name: str) -> tuple[int, str]:
    """To sort the journals of one block by: the numbers of claims grow, all else is as long."""
    return len(journal_name), journal_name


def _by_epoch(path: Path) -> tuple[int, str]:
    return _epoch(path.name)


def _distinct_lines(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Every whole line once: each worker copied what those before it had left."""
    seen: set[bytes] = set()
    for content in contents:
        for line in content.splitlines(keepends=True):
            if line not in seen and journal.decode(line) is not None:
                seen.add(line)
                yield line


def merge(journals: JointJournals, manifests: Iterable[Manifest], target: RunFolder) -> None:
    """Write the journal of the whole run into ``target``: the base, then every block once.

    Raises:
        DataError: the journal of a block is not what its worker left. OSError.
    """
    base = journals.base()
    target.journal.parent.mkdir(parents=True, exist_ok=True)
    with target.journal.open("wb") as file:
        for path in base:
            with path.open("rb") as source:
                file.writelines(line for line in source if line.endswith(b"\n"))
        for manifest in manifests:
            file.write(_checked(journals, manifest))


def _checked(journals: JointJournals, manifest: Manifest) -> bytes:
    try:
        content = journals.content(manifest.journal)
    except FileNotFoundError:
        content = b""
    if not manifest.describes(content):
        raise DataError(
            f"the journal {manifest.journal} has {len(content):,} bytes, which are not the "
            f"{manifest.size:,} that its worker left",
            hint="the same command makes the run anew, but for what is in other runs' journals",
        )
    return content
