"""Who makes a run in an object store: one machine at a time, as long as it says so."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from attrs import frozen

from olmo_eval.common.filesystem import cache_folder
from olmo_eval.errors import UsageError
from olmo_eval.results.listing import put
from olmo_eval.results.locking import machine

#: how long a lease holds, and after how long it is renewed
LEASE_SECONDS = 120.0
_RENEW_SECONDS = 20.0
#: after which the lease is looked at again, where two machines may have taken it at once
_SETTLE_SECONDS = 1.0


@frozen
class Lease:
    """A digest of the machine that makes a run, a token of its process, and until when it may."""

    owner: str
    token: str
    expires: datetime

    @property
    def valid(self) -> bool:
        return self.expires > datetime.now(UTC)

    def to_json(self) -> bytes:
        moment = self.expires.isoformat(timespec="milliseconds")
        return orjson.dumps({"owner": self.owner, "token": self.token, "expires": moment})

    @classmethod
    def from_json(cls, content: bytes) -> Lease | None:
        """None where that is no lease, which then protects nothing."""
        try:
            data = orjson.loads(content)
            expires = datetime.fromisoformat(data["expires"]).astimezone(UTC)
            return cls(str(data["owner"]), str(data["token"]), expires)
        except (ValueError, TypeError, KeyError, OverflowError):
            return None


def is_leased(filesystem: Any, place: str) -> bool:
    """Whether a machine makes the run whose folder in the store is ``place``. Raises OSError."""
    try:
        with filesystem.open_input_file(f"{place}/lease.json") as file:
            held = Lease.from_json(bytes(file.readall()))
    except FileNotFoundError:
        return False
    return held is not None and held.valid


class Claim:
    """This process's claim to the run whose folder in the store is ``place``.

    An object store has no locks. Where two machines take an expired lease at once, the later word
    stands: each looks again after a moment, and the one that reads another's word gives way.
    """

    def __init__(
        self, filesystem: Any, place: str, run_id: str, tell: Callable[[str], None]
    ) -> None:
        self.token = secrets.token_hex(4)
        self.lost = False
        self._filesystem, self._path = filesystem, f"{place}/lease.json"
        self._run_id, self._tell = run_id, tell
        self._owner = machine(cache_folder())
        self._renewed = 0.0

    def take(self) -> None:
        """Take the lease. Raises UsageError where another machine has it, OSError."""
        held = self._held()
        if held is not None and held.valid and held.owner != self._owner:
            raise self._refused(held)
        self._renew()
        if held is not None and held.owner != self._owner:
            time.sleep(_SETTLE_SECONDS)
            now = self._held()
            if now is not None and now.token != self.token:
                raise self._refused(now)

    def keep(self) -> None:
        """Renew the lease when due, unless another machine has it by now. Raises OSError."""
        if self.lost or time.monotonic() - self._renewed < min(_RENEW_SECONDS, LEASE_SECONDS / 3):
            return
        held = self._held()
        if held is not None and held.token != self.token:
            self.lost = True
            self._tell(f"another machine has taken over run {self._run_id}")
        else:
            self._renew()

    def release(self) -> None:
        """Give the lease back, so that nobody has to wait for its end."""
        with contextlib.suppress(OSError):
            held = self._held()
            if held is not None and held.token == self.token:
                self._filesystem.delete_file(self._path)

    def _refused(self, held: Lease) -> UsageError:
        return UsageError(
            f"run {self._run_id} is being made on another machine, which has it until "
            f"{held.expires:%Y-%m-%d %H:%M:%S} UTC unless it renews its lease",
            hint="the same command takes the run over once that has passed; --fresh makes another",
        )

    def _held(self) -> Lease | None:
        try:
            with self._filesystem.open_input_file(self._path) as file:
                return Lease.from_json(bytes(file.readall()))
        except FileNotFoundError:
            return None

    def _renew(self) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
        put(self._filesystem, self._path, Lease(self._owner, self.token, expires).to_json())
        self._renewed = time.monotonic()
