"""The environments of one configuration: made when needed, used again where they are as new."""

from __future__ import annotations

import logging
from collections import defaultdict

import anyio

from olmo_eval import plugins
from olmo_eval.common.retry import with_retries
from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import TransientError, UsageError
from olmo_eval.sandbox.backend import Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.furnish import (
    CLOSE_TIMEOUT,
    SetupError,
    close_sandbox,
    furnish,
    open_sandbox,
    reset_sandbox,
)
from olmo_eval.sandbox.places import Places

_log = logging.getLogger("olmo_eval.sandbox")

#: how often an environment is used before it is made anew, whatever its backend says of it
MOST_USES = 200


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
    """The environments of one configuration.

    One that is given back is reset and kept for the next episode that wants the same; where its
    backend cannot say that it is as new, it is closed. Those kept count as live, and make room.
    """

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
        self._idle: list[tuple[str, Sandbox]] = []
        self._uses: defaultdict[Sandbox, int] = defaultdict(int)
        self._preparing: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._prepared: set[str] = set()

    async def _started(self) -> SandboxBackend:
        async with self._starting:
            if self._backend is None:
                backend = make_backend(self.config)
                await backend.start()
                self._backend = backend
                for left in await backend.reap():
                    _log.info("removed an environment that a run has left behind: %s", left)
            return self._backend

    async def take(self, spec: EnvironmentSpec | None) -> Sandbox:
        """An environment as new, in a place that the caller has taken.

        Raises:
            SandboxError: it could not be made.
        """
        backend = await self._started()
        sandbox = self._kept(_key(spec))
        if sandbox is None:
            await self._prepare(backend, spec)
            await self._make_room()
            sandbox = await self._create(backend, spec)
            self.live.add(sandbox)
            self.created += 1
        elif spec is not None:
            try:
                await furnish(sandbox, spec, backend)
            except BaseException:
                await self.discard(sandbox)
                raise
        self._uses[sandbox] += 1
        return sandbox

    def _kept(self, key: str) -> Sandbox | None:
        for index, (kept_for, sandbox) in enumerate(self._idle):
            if kept_for == key:
                del self._idle[index]
                return sandbox
        return None

    async def _make_room(self) -> None:
        """Close what is kept longest, where another environment would be one too many."""
        while self._idle and len(self.live) >= self.places.total:
            _, oldest = self._idle.pop(0)
            await self.discard(oldest)

    async def _prepare(self, backend: SandboxBackend, spec: EnvironmentSpec | None) -> None:
        key = _key(spec)
        async with self._preparing[key]:
            if key not in self._prepared:
                await backend.prepare(self.run_id, spec)
                self._prepared.add(key)

    async def _create(self, backend: SandboxBackend, spec: EnvironmentSpec | None) -> Sandbox:
        async def attempt() -> Sandbox:
            try:
                return await open_sandbox(backend, self.run_id, spec)
            except SetupError:
                raise
            except SandboxError as error:
                raise TransientError(error.message, hint=error.hint) from error

        seconds = self.config.startup_timeout + (self.config.setup_timeout if spec else 0.0)
        try:
            return await with_retries(attempt, max_retries=self.retries, timeout=seconds, cap=5.0)
        except TransientError as error:
            raise SandboxError(
                f"sandbox {self.config.backend!r} could not be created: {error.message}",
                hint=error.hint,
            ) from error

    async def give_back(self, sandbox: Sandbox, spec: EnvironmentSpec | None) -> None:
        """Take an environment back that nobody uses any more; never raises."""
        worn = self._uses[sandbox] >= MOST_USES
        if worn or not await reset_sandbox(sandbox, self.config.backend):
            await self.discard(sandbox)
        else:
            self._idle.append((_key(spec), sandbox))

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
        self._uses.pop(sandbox, None)
        await close_sandbox(sandbox, self.config.backend)

    async def close(self) -> None:
        self._idle.clear()
        for sandbox in list(self.live):
            await self.discard(sandbox)
        backend, self._backend = self._backend, None
        if backend is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT):
                await backend.close()


def _key(spec: EnvironmentSpec | None) -> str:
    return "" if spec is None else spec.digest
