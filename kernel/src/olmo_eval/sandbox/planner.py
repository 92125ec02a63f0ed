"""The sandbox planner: who gets which environment, when, and how many at once.

Callers ask for capabilities, never for a backend. Nothing is started before somebody needs it, at
most ``SandboxConfig.instances`` environments of a kind exist at once, those who wait are served in
order, and every episode gets fresh environments that are closed with it: what one question leaves
behind is never seen by another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import anyio

from olmo_eval import plugins
from olmo_eval.common.retry import with_retries
from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import TransientError, UsageError
from olmo_eval.sandbox.backend import Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.binding import Binding
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.furnish import CLOSE_TIMEOUT, SetupError, close_sandbox, open_sandbox
from olmo_eval.sandbox.places import Places, Reservation


def make_backend(config: SandboxConfig) -> SandboxBackend:
    """The registered backend that ``config`` names.

    Raises:
        UsageError: it does not isolate, and the configuration does not say ``unsafe_local``.
    """
    kind: type[SandboxBackend] = plugins.manager().registry("sandboxes").get(config.backend)
    if not kind.isolates and not config.unsafe_local:
        raise UsageError(unsafe_message(config), hint=UNSAFE_HINT)
    with plugins.asking(f"sandbox backend {config.backend!r}", kind.__module__):
        return kind(config)


UNSAFE_HINT = "use a container backend, or say unsafe_local: true where that is acceptable"


def unsafe_message(config: SandboxConfig) -> str:
    return (
        f"sandbox backend {config.backend!r} does not isolate: "
        "what a model wrote would run as you, with your files and your network"
    )


class Pool:
    """The environments of one configuration."""

    def __init__(self, config: SandboxConfig, run_id: str, creation_retries: int) -> None:
        self.config = config
        self.capabilities = frozenset(config.capabilities)
        self.run_id = run_id
        self.retries = creation_retries
        self.live: set[Sandbox] = set()
        self.created = 0
        self.places = Places(config.instances)
        self._backend: SandboxBackend | None = None
        self._starting = anyio.Lock()

    async def _started(self) -> SandboxBackend:
        async with self._starting:
            if self._backend is None:
                backend = make_backend(self.config)
                await backend.start()
                self._backend = backend
            return self._backend

    async def create(self, spec: EnvironmentSpec | None) -> Sandbox:
        """A fresh environment, in a place that the caller has taken.

        Raises:
            SandboxError: it could not be made.
        """
        backend = await self._started()

        async def attempt() -> Sandbox:
            try:
                return await open_sandbox(backend, self.run_id, spec)
            except SetupError:
                raise
            except SandboxError as error:
                raise TransientError(error.message, hint=error.hint) from error

        try:
            sandbox = await with_retries(
                attempt, max_retries=self.retries, timeout=self.config.startup_timeout, cap=5.0
            )
        except TransientError as error:
            raise SandboxError(
                f"sandbox {self.config.backend!r} could not be created: {error.message}",
                hint=error.hint,
            ) from error
        self.live.add(sandbox)
        self.created += 1
        return sandbox

    def refuse_more_than_there_are(self, count: int) -> None:
        """Raise SandboxError where one instance needs more environments than there may be."""
        if count > self.places.total:
            raise SandboxError(
                f"one instance needs {count} sandboxes of {self.config.backend!r} at once, of "
                f"which there may be {self.places.total}",
                hint=f"set instances to at least {count}, or take fewer samples at a time",
            )

    async def discard(self, sandbox: Sandbox) -> None:
        self.live.discard(sandbox)
        await close_sandbox(sandbox, self.config.backend)

    async def close(self) -> None:
        for sandbox in list(self.live):
            await self.discard(sandbox)
        backend, self._backend = self._backend, None
        if backend is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT):
                await backend.close()


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
