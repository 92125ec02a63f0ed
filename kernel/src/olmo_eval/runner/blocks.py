"""The blocks of a run that this process makes, beside other processes that make others."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from attrs import define, field

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results import answers, presence
from olmo_eval.results.joint_journals import JointJournals
from olmo_eval.results.journal import Journal
from olmo_eval.results.ledger import Claim, Ledger, Manifest, RunIsOverError
from olmo_eval.results.record import Row
from olmo_eval.runner.feed import Feed, Work
from olmo_eval.runner.plan import PlannedTask


def digest_of(ids: Iterable[str]) -> str:
    """What stands for the instances of a block, given their ids in the order of the data."""
    digest = hashlib.sha256()
    for instance_id in ids:
        digest.update(instance_id.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:32]


@define(eq=False)
class Block:
    """Some instances of a task that this process has claimed, and their journal."""

    claim: Claim
    task: str
    journal: Journal
    left: answers.JournalProgress
    own: answers.OwnAnswers
    ids: list[str] = field(factory=list)
    pending: set[str] = field(factory=set)
    read: bool = False
    lost: bool = False

    @property
    def finished(self) -> bool:
        return self.read and not self.pending


class Blocks:
    """All blocks that this process has open: their journals as one, and the finder of the answers
    that others have left in them.

    A thread of its own tells the others that this process is alive, copies what is written to where
    they see it, and says which blocks are done.
    """

    def __init__(
        self,
        ledger: Ledger,
        journals: JointJournals,
        redact: Callable[[bytes], bytes],
        told: Callable[[], dict[str, Any]],
        message: Callable[[str], None],
    ) -> None:
        self.ledger = ledger
        self.size = ledger.plan.block
        self._journals, self._redact = journals, redact
        self._told, self._message = told, message
        self._open: list[Block] = []
        self._by_instance: dict[tuple[str, str], Block] = {}
        self._done: deque[Block] = deque()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="blocks", daemon=True)
        self._lock, self._committing = threading.Lock(), threading.Lock()
        self._beaten = self._saved = 0.0
        self._failing = False
        self.over = False

    # -- for the feed

    def claim(self, task: str, block: str) -> Block | None:
        """The block, if it is this process's to make now. Raises OSError, RunIsOverError."""
        claim = self.ledger.claim(block)
        if claim is None:
            return None
        path = self._journals.folder.journal.parent / f"{claim.journal}.jsonl"
        journal = Journal(path, self._redact)
        if claim.epoch > 1:
            left = list(self._journals.earlier(claim))
            journal.extend(left)
        progress = answers.read_progress([path], [task])
        block_ = Block(claim, task, journal, progress, answers.OwnAnswers(progress))
        self._open.append(block_)
        return block_

    def begin(self, block: Block, instance_id: str) -> None:
        """Note that an instance of a block is being asked."""
        block.pending.add(instance_id)
        self._by_instance[block.task, instance_id] = block

    def end(self, block: Block) -> None:
        """Note that a block is read to its end."""
        block.read = True
        self._commit_if_finished(block)

    # -- for the session

    def find(self, wanted: answers.Wanted) -> answers.KeptAnswer | None:
        """The answer that another process has left, whose score is yet to be made."""
        block = self._by_instance.get((wanted.task, wanted.instance_id))
        return None if block is None else block.own.find(wanted)

    def append(self, *records: Row) -> list[int]:
        """Append records of an instance to the journal of its block."""
        return self._by_instance[_key(records[0])].journal.append(*records)

    def finished(self, task: str, instance_id: str) -> None:
        """Note that an instance is finished."""
        block = self._by_instance.pop((task, instance_id))
        block.pending.discard(instance_id)
        self._commit_if_finished(block)

    def _commit_if_finished(self, block: Block) -> None:
        if block.finished:
            with self._lock:
                self._open.remove(block)
            self._done.append(block)

    def sync(self) -> None:
        """Put everything on the disk. Raises JournalError."""
        with self._lock:
            still_open = list(self._open)
        for block in still_open:
            block.journal.sync()

    def close(self) -> None:
        """Close the journals of blocks that are not finished: others may claim them."""
        with self._lock:
            for block in (*self._open, *self._done):
                block.journal.close()
            self._open, self._done = [], deque()
        self._by_instance.clear()

    # -- the thread

    def start(self) -> None:
        """Begin to say that this process is alive. Raises OSError."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Say that this process does no more, so that nobody waits for it."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(OSError):
            self._journals.save()
            self.ledger.beat({**self._told(), "ended": True})

    def tell(self) -> None:
        """Say now which blocks are done, and how this process does. Raises as ``drain`` does."""
        self.drain()
        self._beat()

    def drain(self) -> None:
        """Say now which blocks are done. Raises OSError, JournalError, RunIsOverError."""
        with self._committing:
            while self._done:
                self._commit(self._done[0])
                self._done.popleft()  # now, so that nothing is forgotten where that failed

    def _keep(self) -> None:
        while not self._stopped.wait(0.2):
            try:
                self._keep_up()
                self._failing = False
            except RunIsOverError:
                self.over = True
            except (OSError, OlmoEvalError) as error:
                if not self._failing:
                    self._failing = True
                    self._message(f"cannot tell the others of this run just now: {error}")

    def _keep_up(self) -> None:
        now = time.monotonic()
        if now - self._beaten > min(presence.SILENT_SECONDS, 3 * presence.BEAT_SECONDS):
            self._find_lost()
        if now - self._beaten >= presence.BEAT_SECONDS:
            self._beat()
        if now - self._saved >= presence.BEAT_SECONDS / 2:
            self._journals.save()
            self._saved = now
        self.drain()

    def _beat(self) -> None:
        self.ledger.beat(self._told())
        self._beaten = time.monotonic()

    def _find_lost(self) -> None:
        """After a silence, see which blocks others make by now: theirs will count."""
        with self._lock:
            still_open = list(self._open)
        for block in still_open:
            block.lost = block.lost or self.ledger.is_lost(block.claim)

    def _commit(self, block: Block) -> None:
        block.journal.sync()
        content = block.journal.path.read_bytes()
        manifest = Manifest(
            journal=block.claim.journal,
            size=len(content),
            crc=zlib.crc32(content),
            instances=len(block.ids),
            ids=digest_of(block.ids),
            worker=block.claim.worker,
        )
        self._journals.save()  # what counts is there before it counts
        if not block.lost:
            self.ledger.commit(block.claim, manifest)
        block.journal.close()


def _key(record: Row) -> tuple[str, str]:
    return record["task"], record["instance_id"]


class JointFeed(Feed):
    """The work of one task that no other process does: blocks are claimed when they are reached."""

    def __init__(
        self, planned: PlannedTask, done: Collection[str], number: int, blocks: Blocks
    ) -> None:
        super().__init__(planned, done)
        self.number = number
        self._blocks = blocks

    @property
    def share(self) -> int | None:
        return None  # which is decided on the way

    def name_of(self, position: int) -> str:
        """The block that the instance in a place of the table is in."""
        return f"{self.number}.{position // self._blocks.size}"

    @property
    def names(self) -> list[str]:
        """All blocks of the task, once it was read to its end."""
        return [self.name_of(place) for place in range(0, self.read, self._blocks.size)]

    def __iter__(self) -> Iterator[Work]:
        block: Block | None = None
        for name, instance in self.pairs():
            position = self.read
            self.read += 1
            if position % self._blocks.size == 0:
                if block is not None:
                    self._blocks.end(block)
                block = self._blocks.claim(self.planned.name, self.name_of(position))
            if block is not None:
                block.ids.append(name)
                if self._is_to_be_done(name, block):
                    self._blocks.begin(block, name)
                    yield Work(self.planned, instance, name, position)
        if block is not None:
            self._blocks.end(block)
        self.expected = self.read
        self.exhausted = True

    def _is_to_be_done(self, name: str, block: Block) -> bool:
        left = block.left
        known = name in left.done[block.task] or (
            name in self._done and (block.task, name) not in left.unscored
        )
        return not known and not block.lost
