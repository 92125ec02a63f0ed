"""A provider with the run's retries around it, whose answers are free of thoughts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from olmo_eval.common.retry import is_transient, with_retries
from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.providers.engine_input import EngineInput
from olmo_eval.providers.provider import Provider
from olmo_eval.providers.thinking import answers, for_engine

T = TypeVar("T")


class RetryingProvider(Provider):
    """A provider with the run's retries around it. A call that succeeds at once costs nothing.

    Thoughts are told apart from answers here, and stop sequences applied where the engine does not.

    ``retries`` counts the attempts that were repeated.
    """

    def __init__(self, inner: Provider) -> None:
        super().__init__(inner.config)
        self.inner = inner
        self.retries = 0
        self.reports_usage = inner.reports_usage
        self.limits_attempts = inner.limits_attempts
        self.wants_instances = inner.wants_instances
        self.stopping = inner.stopping
        self._timeout = inner.config.timeout if inner.limits_attempts else None

    @property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]
        return type(self.inner).capabilities_for(self.config)

    @property
    def takes_tokens(self) -> bool:  # type: ignore[override]
        return self.inner.takes_tokens

    @property
    def max_concurrency(self) -> int:
        return self.inner.max_concurrency

    def __getattr__(self, name: str) -> Any:
        """What only the provider inside has, such as ``base_url`` of a server it started."""
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    async def start(self) -> None:
        await self.inner.start()

    async def close(self) -> None:
        await self.inner.close()

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        asked = for_engine(params, self.config)
        outputs = await self._ask(self.inner.generate, request, asked)
        left = asked is not params if self.stopping == "engine" else self.stopping == "kernel"
        return answers(outputs, self.config, (params.stop_sequences or ()) if left else ())

    def loglikelihood(self, request: LMRequest) -> Coroutine[Any, Any, list[LMOutput]]:
        return self._ask(self.inner.loglikelihood, request)

    async def _ask(self, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        failed: list[Exception] = []
        if self._timeout is None:  # no scope to enter: the first attempt is a plain call
            try:
                return await call(*arguments)
            except Exception as error:
                if not is_transient(error):
                    raise
                failed.append(error)

        async def attempt() -> T:
            if failed:
                raise failed.pop()
            return await call(*arguments)

        return await with_retries(
            attempt,
            max_retries=self.config.max_retries,
            timeout=self._timeout,
            base=self.inner.retry_base,
            on_retry=self._count,
        )

    def _count(self, _error: BaseException, _delay: float) -> None:
        self.retries += 1

    def metrics(self) -> dict[str, float]:
        return self.inner.metrics()

    def notes(self) -> list[str]:
        return self.inner.notes()

    def describe(self) -> dict[str, Any]:
        return self.inner.describe()

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        return await self.inner.inspect(request, params)
