"""The sandbox planner: who gets which environment, when, and how many at once.

Callers ask for capabilities, never for a backend. Nothing is started before the first caller
needs it, at most ``SandboxConfig.instances`` environments of a kind exist at once, those who
wait are served in order, and every lease gets a fresh environment that is closed after it: what
one question leaves behind is never seen by another.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import anyio

from olmo_eval import plugins
from olmo_eval.common.retry import with_retries
from olmo_eval.errors import OlmoEvalError, TransientError, UsageError
from olmo_eval.sandbox.backend import Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.config import SandboxConfig

_log = logging.getLogger("olmo_eval.sandbox")

#: seconds that closing one environment may take before it is given up and reported
CLOSE_TIMEOUT = 30.0


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


class _Pool:
    """The environments of one configuration."""

    def __init__(self, config: SandboxConfig, run_id: str, creation_retries: int) -> None:
        self.config = config
        self.capabilities = frozenset(config.capabilities)
        self.run_id = run_id
        self.retries = creation_retries
        self.live: set[Sandbox] = set()
        self.created = 0
        self._backend: SandboxBackend | None = None
        self._starting = anyio.Lock()
        self._slots = anyio.Semaphore(config.instances)

    @property
    def load(self) -> float:
        """Share of the allowed environments in use; above 1 where callers wait."""
        waiting = self._slots.statistics().tasks_waiting
        return (self.config.instances - self._slots.value + waiting) / self.config.instances

    async def _started(self) -> SandboxBackend:
        async with self._starting:
            if self._backend is None:
                backend = make_backend(self.config)
                await backend.start()
                self._backend = backend
            return self._backend

    async def _create(self) -> Sandbox:
        backend = await self._started()

        async def attempt() -> Sandbox:
            try:
                return await backend.create(self.run_id)
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

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Sandbox]:
        async with self._slots:
            sandbox = await self._create()
            try:
                yield sandbox
            finally:
                await self._discard(sandbox)

    async def _discard(self, sandbox: Sandbox) -> None:
        self.live.discard(sandbox)
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT) as scope:
            try:
                await sandbox.close()
            except (OlmoEvalError, OSError) as error:
                _log.warning("closing a %s sandbox failed: %s", self.config.backend, error)
        if scope.cancelled_caught:
            _log.warning("closing a %s sandbox took too long", self.config.backend)

    async def close(self) -> None:
        for sandbox in list(self.live):
            await self._discard(sandbox)
        backend, self._backend = self._backend, None
        if backend is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT):
                await backend.close()


class Binding:
    """The environments of one instance: the same one for every call, started at first use.

    All pools that the instance may need are entered at once and in the planner's order, so that
    two instances can never wait for each other.
    """

    def __init__(self, pools: Sequence[_Pool], stack: AsyncExitStack) -> None:
        self._pools = pools
        self._stack = stack
        self._held: dict[str, Sandbox] = {}
        self._lock = anyio.Lock()

    async def get(self, capability: str) -> Sandbox:
        """The instance's environment that offers ``capability``."""
        async with self._lock:
            if not self._held:
                for pool in self._pools:
                    sandbox = await self._stack.enter_async_context(pool.lease())
                    for name in pool.capabilities:
                        self._held.setdefault(name, sandbox)
        if capability not in self._held:
            raise SandboxError(f"no sandbox bound to this instance offers {capability!r}")
        return self._held[capability]


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
        self._pools = [_Pool(config, run_id, creation_retries) for config in configs]

    @property
    def created(self) -> int:
        """Environments created so far."""
        return sum(pool.created for pool in self._pools)

    def _route(self, required: frozenset[str]) -> _Pool | None:
        fitting = [pool for pool in self._pools if required <= pool.capabilities]
        return min(fitting, key=lambda pool: pool.load) if fitting else None

    def _routes(self, required: frozenset[str]) -> list[_Pool]:
        """One pool that offers everything, else one a capability, in the planner's order."""
        single = self._route(required)
        if single is not None:
            return [single]
        chosen: list[_Pool] = []
        for capability in sorted(required):
            if any(capability in pool.capabilities for pool in chosen):
                continue
            chosen.append(self._require(frozenset({capability})))
        return sorted(chosen, key=self._pools.index)

    def _require(self, required: frozenset[str]) -> _Pool:
        pool = self._route(required)
        if pool is None:
            offered = sorted(frozenset().union(*(p.capabilities for p in self._pools)))
            raise SandboxError(
                f"no sandbox of this harness offers {' and '.join(sorted(required))}",
                hint=f"offered: {', '.join(offered)}" if offered else "it has no sandboxes",
            )
        return pool

    @asynccontextmanager
    async def lease(self, *capabilities: str) -> AsyncIterator[Sandbox]:
        """A fresh environment that offers all ``capabilities``, closed at the end of the block.

        Raises:
            SandboxError: none offers them, or it could not be created.
        """
        async with self._require(frozenset(capabilities)).lease() as sandbox:
            yield sandbox

    @asynccontextmanager
    async def binding(self, capabilities: Iterable[str]) -> AsyncIterator[Binding]:
        """The environments of one instance; nothing starts before ``Binding.get``."""
        required = frozenset(capabilities)
        async with AsyncExitStack() as stack:
            yield Binding(self._routes(required) if required else [], stack)

    async def close(self) -> None:
        """End every environment that is left, and the backends."""
        with anyio.CancelScope(shield=True):
            for pool in self._pools:
                await pool.close()

    async def __aenter__(self) -> SandboxPlanner:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
