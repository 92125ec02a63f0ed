"""The ledger of a training run's checkpoints, in the store: seen, claimed, done, gone.

Everything in it is a file that is *created*, by one process alone, and never changed::

    RESULTS/watched/KEY/about.json       what is watched, and with which tasks
    RESULTS/watched/KEY/seen/C           checkpoint C was seen: where, its step, how it stood
    RESULTS/watched/KEY/claims/C.E       the E-th watcher that evaluates C
    RESULTS/watched/KEY/done/C           how C ended: its run, or why there is none
    RESULTS/watched/KEY/watchers/W       watcher W is alive: rewritten while it is

A claim holds as long as its watcher is alive. One that was killed on this machine is known at once
by a lock that the operating system has let go; one elsewhere when it has been silent for a while,
by the clock of whoever waits. Whoever wakes late cannot do harm: ``done/C`` is there already, or
will be the only one.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from attrs import define, field, frozen

from olmo_eval.errors import DataError
from olmo_eval.results import presence
from olmo_eval.results.folder import now
from olmo_eval.results.locking import is_held, run_lock, this_host
from olmo_eval.results.presence import Presence
from olmo_eval.results.remote_run import staging_root
from olmo_eval.results.shared import SharedBucket, SharedFolder, SharedStore

#: the folder of the ledgers in a store
WATCHED = "watched"
#: how a checkpoint may end
DONE, GONE, SKIPPED = "done", "gone", "skipped"


@frozen
class Entry:
    """What the ledger says of a checkpoint.

    ``state`` is ``seen``, ``claimed``, ``done`` (evaluated: ``run_id`` says where), ``gone`` (its
    trainer removed it before it was) or ``skipped``; ``reason`` says more in words.
    """

    key: str
    state: str
    name: str
    step: int | None = None
    tokens: int | None = None
    run_id: str | None = None
    location: str | None = None
    reason: str | None = None


@frozen
class Claim:
    """A watcher's claim to a checkpoint, the ``epoch``-th that was made to it."""

    key: str
    epoch: int


@define
class Ledger:
    """The ledger of one training run and one set of tasks, as this watcher sees it.

    Every method raises DataError where the store cannot be read or written.
    """

    store: SharedStore
    root: Path
    key: str
    watcher: str = field(factory=lambda: secrets.token_hex(6))
    _presence: Presence = field(init=False)
    _beat: int = 0

    def __attrs_post_init__(self) -> None:
        def held(watcher: str) -> bool | None:
            return is_held(self.root, self._lock(watcher))

        self._presence = Presence(self._sign_of, is_held=held)

    # -- checkpoints

    def see(self, key: str, facts: Mapping[str, Any]) -> bool:
        """Note that a checkpoint is there; False where that was noted before."""
        return self._create(f"seen/{key}", {**facts, "at": now()})

    def claim(self, key: str) -> Claim | None:
        """Claim a checkpoint; None where it has ended, or another watcher evaluates it."""
        if self._read(f"done/{key}") is not None:
            return None
        held = self._claims().get(key, 0)
        if held and not self._is_free(key, held):
            return None
        claim = Claim(key, held + 1)
        if not self._create(f"claims/{key}.{claim.epoch}", {"watcher": self.watcher, "at": now()}):
            return None
        if self._read(f"done/{key}") is not None:  # it ended between the two looks
            return None
        return claim

    def end(self, claim: Claim, state: str, **facts: Any) -> bool:
        """Say how a claimed checkpoint ended; False where that was said before."""
        return self._create(f"done/{claim.key}", {"state": state, **facts, "at": now()})

    def give_up(self, claim: Claim, reason: str) -> None:
        """Give a claim back: the checkpoint may be evaluated by a later watcher."""
        self._create(f"failed/{claim.key}.{claim.epoch}", {"reason": reason, "at": now()})

    def entries(self) -> dict[str, Entry]:
        """Every checkpoint, by key."""
        claims = self._claims()
        ended = set(self._names("done"))
        found = {}
        for key in sorted({*self._names("seen"), *claims, *ended}):
            seen, done = self._read(f"seen/{key}") or {}, {}
            state = "claimed" if key in claims else "seen"
            if key in ended:
                done = self._read(f"done/{key}") or {}
                state = str(done.get("state", DONE))
            elif key in claims and self._is_free(key, claims[key]):
                state = "seen"
            found[key] = Entry(
                key, state, str(seen.get("name", key)), seen.get("step"), seen.get("tokens"),
                done.get("run_id"), done.get("location"), done.get("reason"),
            )  # fmt: skip
        return found

    def ended(self) -> set[str]:
        """The keys of the checkpoints that have ended."""
        return set(self._names("done"))

    # -- watchers

    @contextmanager
    def alive(self) -> Iterator[None]:
        """In the block this watcher is alive: its claims hold."""
        for folder in ("seen", "claims", "done", "failed", "watchers"):
            self._guard(lambda name=folder: self.store.make_folder(f"{self.key}/{name}"))
        with run_lock(self.root, self._lock(self.watcher), lambda _: None):
            self._presence.host = this_host(self.root)
            self._say(ended=False)
            over = threading.Event()
            beating = threading.Thread(target=self._keep_saying, args=(over,), daemon=True)
            beating.start()
            try:
                yield
            finally:
                over.set()
                beating.join()
                with contextlib.suppress(DataError):
                    self._say(ended=True)

    def _keep_saying(self, over: threading.Event) -> None:
        while not over.wait(presence.BEAT_SECONDS):
            with contextlib.suppress(DataError):  # the next one may be heard
                self._say(ended=False)

    def _say(self, *, ended: bool) -> None:
        self._beat += 1
        content = presence.sign(self._beat, self._presence.host, {"ended": ended})
        self._guard(lambda: self.store.put(f"{self.key}/watchers/{self.watcher}", content))

    def _is_free(self, key: str, epoch: int) -> bool:
        """Whether the watcher that claimed a checkpoint last has left it."""
        if self._read(f"failed/{key}.{epoch}") is not None:
            return True
        holder = (self._read(f"claims/{key}.{epoch}") or {}).get("watcher")
        return isinstance(holder, str) and holder != self.watcher and self._is_gone(holder)

    def _is_gone(self, watcher: str) -> bool:
        if self._presence.host is None:  # one that only looks, and is no watcher itself
            self._presence.host = this_host(self.root)
        return bool(self._guard(lambda: self._presence.is_gone(watcher)))

    def _sign_of(self, watcher: str) -> bytes | None:
        return self.store.read(f"{self.key}/watchers/{watcher}")

    def _lock(self, watcher: str) -> str:
        return f"watcher-{self.key}-{watcher}"

    # -- files

    def _claims(self) -> dict[str, int]:
        """The newest epoch of each claimed checkpoint."""
        epochs: dict[str, int] = {}
        for name in self._names("claims"):
            key, _, epoch = name.rpartition(".")
            epochs[key] = max(epochs.get(key, 0), int(epoch))
        return epochs

    def _create(self, name: str, facts: Mapping[str, Any]) -> bool:
        content = orjson.dumps(dict(facts))
        return bool(self._guard(lambda: self.store.create(f"{self.key}/{name}", content)))

    def _read(self, name: str) -> dict[str, Any] | None:
        content = self._guard(lambda: self.store.read(f"{self.key}/{name}"))
        if content is None:
            return None
        try:
            said = orjson.loads(content)
        except ValueError:
            said = {}
        return said if isinstance(said, dict) else {}

    def _names(self, folder: str) -> list[str]:
        return list(self._guard(lambda: self.store.names(f"{self.key}/{folder}")))

    def _guard(self, act: Any) -> Any:
        try:
            return act()
        except OSError as error:
            raise DataError(
                f"the ledger of watched checkpoints cannot be read or written: {error}",
                hint="--results names its store; rerun the same command to go on",
            ) from error


def open_ledger(results: str, about: Mapping[str, Any]) -> Ledger:
    """The ledger in the store ``results`` of what ``about`` describes: the watched folder and what
    is asked of its checkpoints. The same description is the same ledger, in every process.

    Raises:
        UsageError: the store does not let one process alone create a file. DataError.
    """
    content = orjson.dumps(dict(about), option=orjson.OPT_SORT_KEYS)
    key = hashlib.sha256(content).hexdigest()[:16]
    store: SharedStore
    if "://" in results:
        root, store = staging_root(results), SharedBucket(f"{results.rstrip('/')}/{WATCHED}")
    else:
        root, store = Path(results), SharedFolder(Path(results) / WATCHED)
    ledger = Ledger(store, root, key)
    ledger._guard(ledger.store.refuse_without_conditions)
    ledger._guard(lambda: ledger.store.make_folder(key))
    ledger._create("about.json", about)
    return ledger
