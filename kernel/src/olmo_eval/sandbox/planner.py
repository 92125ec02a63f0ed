"""The sandbox planner: who gets which environment, when, and how many at once.

Callers ask for capabilities, never for a backend. Nothing is started before somebody needs it, at
most ``SandboxConfig.instances`` environments of a kind exist at once, those who wait are served in
order, and every episode gets environments as new: what one question leaves behind is never seen by
another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import anyio

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.sandbox.backend import SandboxError
from olmo_eval.sandbox.binding import Binding
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.places import Reservation
from olmo_eval.sandbox.pool import Pool


class SandboxPlanner:
    """Routes requests for capabilities to environments. An async context manager.

    ``run_id`` goes to every environment created, so that leftovers can be traced to their run.
    """

    def __init__(
        self,
        configs: Sequence[SandboxConfig],
        *,
        run_id: str = "local",
        creation_retries: int = 2,
    ) -> None:
        self._pools = [Pool(config, run_id, creation_retries) for config in configs]

    @property
    def created(self) -> int:
        """Environments created so far."""
        return sum(pool.created for pool in self._pools)

    def route(self, capabilities: Iterable[str]) -> tuple[Pool, ...]:
        """The pools for who asks for ``capabilities``, in the planner's order: one that offers
        everything, else one for each capability; the first of all where nothing is asked for.

        Raises:
            SandboxError: none offers one of them.
        """
        required = frozenset(capabilities)
        if not required:
            return tuple(self._pools[:1])
        single = self._freest(required)
        if single is not None:
            return (single,)
        chosen: list[Pool] = []
        for capability in sorted(required):
            if any(capability in pool.capabilities for pool in chosen):
                continue
            pool = self._freest(frozenset({capability}))
            if pool is None:
                raise self._nobody_offers(capability)
            chosen.append(pool)
        return tuple(sorted(chosen, key=self._pools.index))

    def _freest(self, required: frozenset[str]) -> Pool | None:
        fitting = [pool for pool in self._pools if required <= pool.capabilities]
        return min(fitting, key=lambda pool: pool.places.load) if fitting else None

    def _nobody_offers(self, capability: str) -> SandboxError:
        offered = sorted(frozenset().union(*(p.capabilities for p in self._pools)))
        return SandboxError(
            f"no sandbox of this harness offers {capability}",
            hint=f"offered: {', '.join(offered)}" if offered else "it has no sandboxes",
        )

    def reserve(self, *wanted: tuple[Sequence[Pool], int]) -> Reservation:
        """A reservation for several environments of each of some pools; nothing is taken yet."""
        counts: Counter[Pool] = Counter()
        for pools, count in wanted:
            counts.update(dict.fromkeys(pools, count))
        return Reservation([(pool, counts[pool]) for pool in self._pools if counts[pool]])

    def binding(self, capabilities: Iterable[str], spec: EnvironmentSpec | None = None) -> Binding:
        """The environments of an episode by itself; nothing starts before ``Binding.get``.

        Raises:
            SandboxError: no sandbox offers one of the ``capabilities``.
        """
        pools = self.route(capabilities)
        return Binding(pools, spec, self.reserve((pools, 1)))

    async def close(self) -> None:
        """End every environment that is left, and the backends."""
        with anyio.CancelScope(shield=True):
            for pool in self._pools:
                await pool.close()

    async def __aenter__(self) -> SandboxPlanner:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
