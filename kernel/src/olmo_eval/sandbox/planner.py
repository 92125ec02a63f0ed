"""The sandbox planner: who gets which environment, when, and how many at once.

Callers ask for capabilities, never for a backend. Nothing is started before somebody needs it or is
known to need it soon; at most ``SandboxConfig.instances`` environments of a kind exist at once,
those who wait are served in order, and every episode gets environments as new: what one question
leaves behind is never seen by another. Inside ``async with`` environments are made ahead, and
replaced, while others run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import anyio
from anyio.abc import TaskGroup

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.sandbox.backend import SandboxError
from olmo_eval.sandbox.binding import Binding
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.places import Reservation
from olmo_eval.sandbox.pool import Pool

#: how the names of environments begin that are for those alone who ask for them
_NAMED = "sandbox:"


class SandboxPlanner:
    """Routes requests for capabilities to environments. An async context manager.

    ``run_id`` goes to every environment created, so that leftovers can be traced to their run.
    ``agents`` work in environments at the same time, and mostly wait for their model.
    """

    def __init__(
        self,
        configs: Sequence[SandboxConfig],
        *,
        run_id: str = "local",
        creation_retries: int = 2,
        agents: int = 0,
    ) -> None:
        self._group: TaskGroup | None = None
        self._pools = [
            Pool(config, run_id, creation_retries, agents=agents, background=self._background)
            for config in configs
        ]

    def _background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Do ``work`` while others go on; False where this is not entered, or is being left."""
        if self._group is None or self._group.cancel_scope.cancel_called:
            return False
        self._group.start_soon(work)
        return True

    @property
    def created(self) -> int:
        """Environments created so far."""
        return sum(pool.created for pool in self._pools)

    def places(self, index: int) -> int:
        """How many environments of the configuration ``index`` there may be at once."""
        return self._pools[index].places.total

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
        """The pool that offers all of it: one without a name that nobody asked for, the freest."""
        fitting = [pool for pool in self._pools if required <= pool.capabilities]

        def rank(pool: Pool) -> tuple[int, float]:
            unasked = pool.capabilities - required
            return sum(name.startswith(_NAMED) for name in unasked), pool.places.load

        return min(fitting, key=rank) if fitting else None

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

    def expect(
        self, capabilities: Iterable[str], spec: EnvironmentSpec | None, change: int = 1
    ) -> None:
        """An episode that will ask for these has begun, or with -1 ended: its environments are
        made ahead where there is room."""
        for pool in self.route(capabilities):
            pool.expect(spec, change)

    async def close(self) -> None:
        """End every environment that is left, and the backends."""
        if self._group is not None:
            self._group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            for pool in self._pools:
                await pool.close()

    async def __aenter__(self) -> SandboxPlanner:
        self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        group, self._group = self._group, None
        try:
            if group is not None:
                group.cancel_scope.cancel()
                await group.__aexit__(None, None, None)
        finally:
            await self.close()
