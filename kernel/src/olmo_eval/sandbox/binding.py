"""The environments of one episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.sandbox.backend import Sandbox, SandboxError
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.places import Reservation

if TYPE_CHECKING:
    from olmo_eval.sandbox.pool import Pool

#: what asks for the environment of an episode that needs only one, whatever it offers
DEFAULT = "default"


class Binding:
    """The environments of one episode: the same one for every request, each started at first use.

    ``pools`` make them, one each; ``reservation`` holds their places, which are given back with
    them unless it is ``shared`` with other episodes. ``close`` works in any task.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        spec: EnvironmentSpec | None,
        reservation: Reservation,
        *,
        shared: bool = False,
    ) -> None:
        self._pools = pools
        self._spec = spec
        self._reservation = reservation
        self._shared = shared
        self._made: dict[Pool, Sandbox] = {}
        self._lock = anyio.Lock()

    def _pool(self, capability: str) -> Pool:
        offering = [p for p in self._pools if capability in (DEFAULT, *sorted(p.capabilities))]
        if not offering:
            announce = (
                "name it in the requires of the tool, scaffold or scorer that asks for it, or in "
                "the capabilities of the instance's environment"
            )
            raise SandboxError(
                f"no sandbox of this episode offers {capability!r}",
                hint=announce if self._pools else "the harness has no sandboxes",
            )
        return offering[0]

    async def get(self, capability: str = DEFAULT) -> Sandbox:
        """The episode's environment that offers ``capability``.

        Raises:
            SandboxError: none does, or it could not be made.
        """
        pool = self._pool(capability)
        async with self._lock:
            if pool not in self._made:
                await self._reservation.take()
                self._made[pool] = await pool.take(self._spec)
            return self._made[pool]

    async def renew(self, capability: str = DEFAULT) -> Sandbox:
        """Give the environment that offers ``capability`` back, and take one that is as new.

        Raises:
            SandboxError: none offers it, or it could not be made.
        """
        pool = self._pool(capability)
        async with self._lock:
            used = self._made.pop(pool, None)
            if used is not None:
                await pool.give_back(used, self._spec)
        return await self.get(capability)

    def config(self, capability: str = DEFAULT) -> SandboxConfig:
        """The configuration of the environment that ``get`` gives. Raises SandboxError as that."""
        return self._pool(capability).config

    def made(self, capability: str = DEFAULT) -> Sandbox | None:
        """The environment that ``get`` gives, where it was made already."""
        return self._made.get(self._pool(capability))

    async def close(self) -> None:
        """Give the environments back."""
        made, self._made = self._made, {}
        try:
            with anyio.CancelScope(shield=True):
                for pool, sandbox in made.items():
                    await pool.give_back(sandbox, self._spec)
        finally:
            if not self._shared:
                self._reservation.give_back()
