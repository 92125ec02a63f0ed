"""Who makes which part of a run that several processes make together, and what is done.

The parts are *blocks*: so many instances of a task, one after another. All that is known of them
lies beside the runs, in files that are *created*, each by one process alone, and never changed::

    runs/.joined/IDENTITY.N.json           the N-th time that a run is made together
    runs/.joined/IDENTITY.N.over           that time is over: nothing below counts any more
    runs/.joined/IDENTITY.N/claims/B.E     the E-th worker that makes block B
    runs/.joined/IDENTITY.N/done/B         whose journal of the block counts: its name, size and sum
    runs/.joined/IDENTITY.N/workers/W      worker W is alive: rewritten while it is

A claim is a *lease*: it holds as long as its worker is seen to be alive, and the block of one that
is not may be claimed again. Whoever wakes late cannot do harm: ``done/B`` is there already, or will
be the only one. So each block counts once whatever clocks say and whoever is slow; clocks decide
nothing but how long others wait for a worker that is silent, and that time is measured by whoever
waits.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from attrs import asdict, define, field, frozen

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results.presence import LOOK_SECONDS, Presence, sign
from olmo_eval.results.shared import SharedStore


class RunIsOverError(OlmoEvalError):
    """What this worker took part in is over: the run is finished, or was taken over."""


@frozen
class Plan:
    """How a run is made together: of which id it is, and how many instances are a block."""

    run_id: str
    block: int


@frozen
class Claim:
    """A worker's claim to a block."""

    block: str
    epoch: int
    worker: str

    @property
    def name(self) -> str:
        return f"{self.block}.{self.epoch}"

    @property
    def journal(self) -> str:
        """What the journal of the block is called that this claim's worker writes."""
        return f"{journals_of(self.block)}{self.epoch}-{self.worker}"


def journals_of(block: str) -> str:
    """How the names of all journals of a block begin."""
    return f"block-{block}."


@frozen
class Manifest:
    """The journal of a block that counts: its name, bytes and CRC-32, and what it is about: the
    number of instances and a digest of their ids."""

    journal: str
    size: int
    crc: int
    instances: int
    ids: str
    worker: str

    def describes(self, content: bytes) -> bool:
        return len(content) == self.size and zlib.crc32(content) == self.crc


@define
class Ledger:
    """The ledger of one time that a run is made together, as the worker ``worker`` sees it.

    ``is_held`` says whether the process of a worker on this very machine is there (None: nobody can
    tell); ``host`` is this machine. Every method may raise OSError.
    """

    store: SharedStore
    identity: str
    number: int
    plan: Plan
    worker: str
    host: str | None = None
    is_held: Callable[[str], bool | None] = lambda _: None
    _done: set[str] = field(factory=set)
    _epochs: dict[str, int] = field(factory=dict)
    _holders: dict[str, str] = field(factory=dict)
    _presence: Presence = field(init=False)
    _looked: float = -1e9
    _beat: int = 0

    def __attrs_post_init__(self) -> None:
        self._presence = Presence(self._sign_of, self.host, self.is_held)

    @property
    def place(self) -> str:
        return f"{self.identity}.{self.number}"

    # -- the whole

    @property
    def over(self) -> bool:
        return self.store.read(f"{self.place}.over") is not None

    def refuse_if_over(self) -> None:
        """Raise RunIsOverError where this time is over."""
        if self.over:
            raise RunIsOverError(f"run {self.plan.run_id} is finished, or was taken over")

    def end(self) -> None:
        """Say that this time is over, and remove what it has left."""
        self.store.create(f"{self.place}.over", self.worker.encode())
        self.store.remove_folder(self.place)

    # -- blocks

    def claim(self, block: str) -> Claim | None:
        """Claim a block; None where it is done, or another worker makes it.

        Raises:
            RunIsOverError: nothing is to be claimed any more.
        """
        self._look()
        if block in self._done:
            return None
        epoch = self._epochs.get(block, 0)
        if epoch and (not self._is_free(block, epoch) or self.manifest(block) is not None):
            return None
        claim = Claim(block, epoch + 1, self.worker)
        self._epochs[block] = epoch + 1
        if not self._create(f"claims/{claim.name}", self.worker.encode()):
            return None
        self.refuse_if_over()  # a bucket has no folders whose absence would have told
        self._holders[claim.name] = self.worker
        return claim

    def is_lost(self, claim: Claim) -> bool:
        """Whether a block that this worker claimed was claimed by another since, or is done."""
        newer = f"{self.place}/claims/{claim.block}.{claim.epoch + 1}"
        return self.store.read(newer) is not None or self.manifest(claim.block) is not None

    def commit(self, claim: Claim, manifest: Manifest) -> bool:
        """Say that a block is done; False where another worker has said so before.

        Raises:
            RunIsOverError: it is too late.
        """
        self._done.add(claim.block)
        return self._create(f"done/{claim.block}", orjson.dumps(asdict(manifest)))

    def manifest(self, block: str) -> Manifest | None:
        """Which journal of a block counts; None where it is not done."""
        content = self.store.read(f"{self.place}/done/{block}")
        if content is None:
            return None
        self._done.add(block)
        return Manifest(**orjson.loads(content))

    def undone(self, blocks: Iterable[str]) -> list[str]:
        """Those of ``blocks`` that are not done."""
        self._look(anew=True)
        return [block for block in blocks if block not in self._done]

    def claimable(self, block: str) -> bool:
        """Whether nobody makes a block that is not done."""
        epoch = self._epochs.get(block, 0)
        return not epoch or self._is_free(block, epoch)

    def _create(self, name: str, content: bytes) -> bool:
        try:
            made = self.store.create(f"{self.place}/{name}", content)
        except FileNotFoundError:  # the folder was removed
            made = False
        if not made:
            self.refuse_if_over()
        return made

    def _look(self, *, anew: bool = False) -> None:
        """See which claims there are and what is done, unless that was just done."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS and not anew:
            return
        for name in self.store.names(f"{self.place}/claims"):
            block, _, epoch = name.rpartition(".")
            self._epochs[block] = max(self._epochs.get(block, 0), int(epoch))
        self._done.update(self.store.names(f"{self.place}/done"))
        self._looked = now

    def _is_free(self, block: str, epoch: int) -> bool:
        """Whether the worker that claimed a block last has left it."""
        name = f"{block}.{epoch}"
        if name not in self._holders:
            held = self.store.read(f"{self.place}/claims/{name}")
            if held is None:
                return False  # just being made
            self._holders[name] = held.decode()
        return self.is_gone(self._holders[name])

    # -- workers

    def beat(self, told: dict[str, Any]) -> None:
        """Say that this worker is alive, and ``told`` of it."""
        self._beat += 1
        try:
            self.store.put(self._workers(self.worker), sign(self._beat, self.host, told))
        except FileNotFoundError:
            return  # it is over, and tidied up

    def workers(self) -> dict[str, dict[str, Any]]:
        """What each worker said last of itself."""
        told = {name: self._presence.told(name) for name in self.store.names(self._workers())}
        return {name: said for name, said in told.items() if said is not None}

    def is_gone(self, worker: str) -> bool:
        """Whether a worker has ended, or was silent for so long that it may have; also this one,
        who is asked of blocks that it does not make any more."""
        return worker == self.worker or self._presence.is_gone(worker)

    def _sign_of(self, worker: str) -> bytes | None:
        return self.store.read(self._workers(worker))

    def _workers(self, *worker: str) -> str:
        return "/".join((self.place, "workers", *worker))


def latest(store: SharedStore, identity: str) -> tuple[int, Plan | None]:
    """How often the run of an identity was made together so far, and how it is made now; no plan
    where nobody makes it. Raises OSError."""
    names = store.names("")
    begun = (n.removeprefix(f"{identity}.") for n in names if n.startswith(f"{identity}."))
    numbers = [int(n.removesuffix(".json")) for n in begun if n.endswith(".json")]
    if not numbers:
        return 0, None
    number = max(numbers)
    content = store.read(f"{identity}.{number}.json")
    if content is None or store.read(f"{identity}.{number}.over") is not None:
        return number, None
    told = orjson.loads(content)
    return number, Plan(told["run_id"], told["block"])


def begin(store: SharedStore, identity: str, number: int, plan: Plan, worker: str) -> bool:
    """Begin the ``number``-th time; False where another process has. Raises OSError."""
    for folder in ("claims", "done", "workers"):
        store.make_folder(f"{identity}.{number}/{folder}")
    return store.create(f"{identity}.{number}.json", orjson.dumps({**asdict(plan), "by": worker}))
