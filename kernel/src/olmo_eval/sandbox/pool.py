"""The environments of one configuration: made when needed or ahead, used again where they are as
new."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

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
from olmo_eval.sandbox.sizing import places

_log = logging.getLogger("olmo_eval.sandbox")

#: how often an environment is used before it is made anew, whatever its backend says of it
MOST_USES = 1000

#: does something while others go on, where there is somebody to do it
Background = Callable[[Callable[[], Coroutine[Any, Any, None]]], bool]


def make_backend(config: SandboxConfig) -> SandboxBackend:
    """The registered backend that ``config`` names.

    Raises:
        UsageError: it does not isolate, and the configuration does not say ``unsafe_local``; or
            it refuses the configuration.
    """
    kind: type[SandboxBackend] = plugins.manager().registry("sandboxes").get(config.backend)
    if not config.unsafe_local and not kind.isolated(config):
        raise UsageError(unsafe_message(config), hint=UNSAFE_HINT)
    with plugins.asking(f"sandbox backend {config.backend!r}", kind.__module__):
        for reason in kind.refusals(config):
            raise UsageError(reason)
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
    Where ``expect`` has said what is coming, environments for it are made ahead, and one that is
    not as new is replaced, while others run (``background``).
    """

    def __init__(
        self,
        config: SandboxConfig,
        run_id: str,
        creation_retries: int,
        *,
        agents: int = 0,
        background: Background = lambda _work: False,
    ) -> None:
        self.config = config
        self.capabilities = frozenset(config.capabilities)
        self.run_id = run_id
        self.retries = creation_retries
        self.live: dict[Sandbox, str] = {}
        self.created = 0
        self.places = Places(places(config, agents))
        self._background = background
        self._backend: SandboxBackend | None = None
        self._starting = anyio.Lock()
        self._idle: list[Sandbox] = []
        self._uses: Counter[Sandbox] = Counter()
        self._preparing: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._prepared: set[str] = set()
        #: by what is in them: environments that episodes under way will ask for, those that are
        #: being made ahead, and those that are being made for who waits for them
        self._expected: Counter[str] = Counter()
        self._making: Counter[str] = Counter()
        self._creating: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._news = anyio.Event()

    async def _started(self) -> SandboxBackend:
        async with self._starting:
            if self._backend is None:
                backend = make_backend(self.config)
                await backend.start()
                self._backend = backend
                for left in await backend.reap():
                    _log.info("removed an environment that a run has left behind: %s", left)
            return self._backend

    # -- for one episode after the other

    async def take(self, spec: EnvironmentSpec | None) -> Sandbox:
        """An environment as new, in a place that the caller has taken.

        Raises:
            SandboxError: it could not be made.
        """
        spec = self.config.environment_spec(spec)
        key = _key(spec)
        backend = await self._started()
        while (sandbox := self._kept(key)) is None and self._making[key]:
            await self._news.wait()
        if sandbox is None:
            await self._make_room()
            self._creating[key] += 1
            try:
                sandbox = await self._make(backend, spec)
            finally:
                self._creating[key] -= 1
            self._warm(spec)
        elif spec is not None:
            try:
                await furnish(sandbox, spec, backend)
            except BaseException:
                await self.discard(sandbox)
                raise
        self._uses[sandbox] += 1
        return sandbox

    def _kept(self, key: str) -> Sandbox | None:
        for sandbox in self._idle:
            if self.live[sandbox] == key:
                self._idle.remove(sandbox)
                return sandbox
        return None

    async def give_back(self, sandbox: Sandbox, spec: EnvironmentSpec | None) -> None:
        """Take an environment back that nobody uses any more; never raises."""
        worn = self._uses[sandbox] >= MOST_USES
        if not worn and await reset_sandbox(sandbox, self.config.backend):
            self._idle.append(sandbox)
            self._tell()
            return
        self._forget(sandbox)

        async def close() -> None:
            await close_sandbox(sandbox, self.config.backend)

        awaited = self._expected[_key(self.config.environment_spec(spec))] > 0
        if not (awaited and self._background(close)):
            await close()
        self.make_ahead(spec)

    def refuse_more_than_there_are(self, count: int) -> None:
        """Raise SandboxError where one instance needs more environments than there may be. Where
        the machine alone says how many, there may be as many as one instance needs."""
        if count <= self.places.total:
            return
        if self.config.instances is None:
            self.places.grow(count)
            return
        raise SandboxError(
            f"one instance needs {count} sandboxes of {self.config.backend!r} at once, of "
            f"which there may be {self.places.total}",
            hint=f"set instances to at least {count}, or take fewer samples at a time",
        )

    # -- for those that come next

    def expect(self, spec: EnvironmentSpec | None, change: int = 1) -> None:
        """An episode that will ask for an environment of ``spec`` has begun, or with -1 ended."""
        wanted = self.config.environment_spec(spec)
        self._expected[_key(wanted)] += change
        if change > 0:
            self.make_ahead(spec)

    def make_ahead(self, spec: EnvironmentSpec | None) -> None:
        """Make another environment of ``spec`` in the background, where one will be asked for."""
        wanted = self.config.environment_spec(spec)
        key = _key(wanted)
        living = sum(known == key for known in self.live.values())
        there = living + self._making[key] + self._creating[key]
        enough = min(self._expected[key], self.places.total)
        if there < enough and self._room() and key not in self._failed:
            self._in_background(wanted)

    def _warm(self, spec: EnvironmentSpec | None) -> None:
        """Make ``min_instances`` of what was asked for first."""
        if self.created == 1:
            missing = min(self.config.min_instances or 0, self.places.total) - 1
            for _ in range(missing):
                self._in_background(spec)

    def _in_background(self, spec: EnvironmentSpec | None) -> None:
        key = _key(spec)

        async def make() -> None:
            try:
                self._idle.append(await self._make(await self._started(), spec))
            except Exception as error:  # whoever asks for it meets the same, and is told
                _log.info("an environment could not be made ahead: %s", error)
                self._failed.add(key)
            finally:
                self._making[key] -= 1
                self._tell()

        if self._background(make):
            self._making[key] += 1

    def _room(self) -> bool:
        under_way = self._making.total() + self._creating.total()
        return len(self.live) + under_way < self.places.total

    def _tell(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()

    # -- one environment

    async def _make_room(self) -> None:
        """Close what is kept longest, where another environment would be one too many."""
        while not self._room():
            if self._idle:
                await self.discard(self._idle.pop(0))
            elif self._making.total():
                await self._news.wait()
            else:
                return

    async def _make(self, backend: SandboxBackend, spec: EnvironmentSpec | None) -> Sandbox:
        key = _key(spec)
        async with self._preparing[key]:
            if key not in self._prepared:
                await backend.prepare(self.run_id, spec)
                self._prepared.add(key)
        sandbox = await self._create(backend, spec)
        self.live[sandbox] = key
        self.created += 1
        return sandbox

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

    def _forget(self, sandbox: Sandbox) -> None:
        self.live.pop(sandbox, None)
        self._uses.pop(sandbox, None)

    async def discard(self, sandbox: Sandbox) -> None:
        self._forget(sandbox)
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
