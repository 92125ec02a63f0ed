"""Further models of a harness (a judge, a user simulator): started at first use, closed at the end.

Each is owned by one task from start to close, whichever instance happened to need it first,
because an engine may open task groups that must be closed where they were opened.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType

import anyio
import anyio.abc

from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.providers.models import make_provider
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.providers.retry import RetryingProvider

_log = logging.getLogger("olmo_eval.providers")

#: seconds that closing an engine may take at the end of a run
CLOSE_TIMEOUT = 60.0


class _Owned:
    """One auxiliary provider and the event that ends it."""

    def __init__(self, config: ProviderConfig) -> None:
        self.provider = RetryingProvider(make_provider(config))
        self.slots = anyio.CapacityLimiter(self.provider.max_concurrency)
        self.ready = anyio.Event()
        self.over = anyio.Event()
        self.failure: Exception | None = None

    async def live(self) -> None:
        """Start, wait for the end, close: all in one task."""
        try:
            try:
                await self.provider.start()
            except Exception as error:
                self.failure = error
            self.ready.set()
            if self.failure is None:
                await self.over.wait()
        finally:
            await close_provider(self.provider)


async def close_provider(provider: Provider) -> None:
    """Close whatever happens, even while the run is being cancelled; report what fails."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT) as scope:
        try:
            await provider.close()
        except (OlmoEvalError, OSError) as error:
            _log.warning("closing provider %s failed: %s", provider.config.kind, error)
    if scope.cancelled_caught:
        _log.warning("closing provider %s took too long", provider.config.kind)


class AuxiliaryProviders:
    """The auxiliary providers of one harness. An async context manager."""

    def __init__(self, configs: Mapping[str, ProviderConfig]) -> None:
        self.configs = configs
        self._owned: dict[str, _Owned] = {}
        self._group: anyio.abc.TaskGroup | None = None

    def config(self, name: str) -> ProviderConfig:
        """How the provider ``name`` is set up.

        Raises:
            UsageError: the harness has no auxiliary provider of that name.
        """
        if name not in self.configs:
            raise UsageError(
                f"the harness has no auxiliary provider {name!r}",
                hint=f"add auxiliary_providers.{name} to the harness",
            )
        return self.configs[name]

    async def get(self, name: str) -> tuple[Provider, anyio.CapacityLimiter]:
        """The started provider ``name`` and the limiter of its requests in flight.

        Raises:
            UsageError: the harness has no auxiliary provider of that name.
            ProviderError: it could not be started; it is not tried again.
        """
        config = self.config(name)
        assert self._group is not None, "used outside of the harness's context"
        owned = self._owned.get(name)
        if owned is None:
            owned = self._owned[name] = _Owned(config)
            self._group.start_soon(owned.live)
        await owned.ready.wait()
        if owned.failure is not None:
            raise owned.failure
        return owned.provider, owned.slots

    def started(self) -> dict[str, Provider]:
        """The providers that were needed so far, by name, for the run's record."""
        return {name: o.provider for name, o in self._owned.items() if o.ready.is_set()}

    async def __aenter__(self) -> AuxiliaryProviders:
        if self.configs:
            self._group = anyio.create_task_group()
            await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        for owned in self._owned.values():
            owned.over.set()
            if not owned.ready.is_set():
                group.cancel_scope.cancel()
        await group.__aexit__(None, None, None)
