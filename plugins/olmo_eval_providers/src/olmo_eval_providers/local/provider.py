"""The base of providers whose engine is in this process."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from olmo_eval.errors import ProviderError
from olmo_eval.providers.fingerprint import model_fingerprint
from olmo_eval.providers.provider import Provider, ProviderConfig

E = TypeVar("E")


class LocalProvider(Provider, Generic[E]):
    """A provider with an engine between ``start``, which sets ``_engine``, and ``close``."""

    #: its registered name, for messages
    name: ClassVar[str]

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._engine: E | None = None
        self._fingerprint: str | None = None

    @property
    def engine(self) -> E:
        """The running engine.

        Raises:
            ProviderError: ``start`` has not been called.
        """
        if self._engine is None:
            raise ProviderError(
                f"the {self.name} provider is not started", hint="await start() first"
            )
        return self._engine

    def describe(self) -> dict[str, Any]:
        self.engine  # noqa: B018 (there are no facts before it has started)
        return {"fingerprint": self._fingerprint}

    def _learn_fingerprint(self) -> None:
        """Reads files: for a worker thread."""
        self._fingerprint = model_fingerprint(self.config)
