"""The provider ``hf``: transformers behind the kernel's contract."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.providers.engine_input import EngineInput, engine_inputs
from olmo_eval.providers.fingerprint import model_fingerprint
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval_providers.hf.engine import Engine, Job, counters, facts
from olmo_eval_providers.hf.loading import load
from olmo_eval_providers.hf.options import PACE, read_options


class HFProvider(Provider):
    """Runs any causal model of transformers. Options: ``hf.options.Options``.

    Requests go to one worker thread, which batches whatever is in flight.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    pace: ClassVar[frozenset[str]] = PACE
    default_concurrency: ClassVar[int] = 128
    # a request waits for the batches before it, which says nothing about the engine
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._options, self._extra = read_options(config)
        self._loaded: Engine | None = None
        self._fingerprint: str | None = None

    @property
    def engine(self) -> Engine:
        """The running engine.

        Raises:
            ProviderError: ``start`` has not been called.
        """
        if self._loaded is None:
            raise ProviderError("the hf provider is not started", hint="await start() first")
        return self._loaded

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        return int(str(config.kwargs.get("device", "cuda")).startswith("cuda"))

    async def start(self) -> None:
        def load_all() -> Engine:
            return Engine(load(self.config, self._options, self._extra), self._options)

        self._loaded = await asyncio.to_thread(load_all)
        self._fingerprint = await asyncio.to_thread(model_fingerprint, self.config)

    async def close(self) -> None:
        if self._loaded is not None:
            engine, self._loaded = self._loaded, None
            await asyncio.to_thread(engine.close)

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        return await self._ask(request, params)

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        return await self._ask(request, None)

    async def _ask(self, request: LMRequest, params: SamplingParams | None) -> list[LMOutput]:
        engine = self.engine
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[LMOutput]] = loop.create_future()

        def settle(result: list[LMOutput] | BaseException) -> None:
            if future.done():
                return
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

        def done(result: list[LMOutput] | BaseException) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result)

        job = Job(request, params, done)
        engine.submit(job)
        try:
            return await future
        finally:
            job.cancelled = True

    def describe(self) -> dict[str, Any]:
        return {"fingerprint": self._fingerprint, **facts(self.engine)}

    def metrics(self) -> dict[str, float]:
        return counters(self.engine)

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        engine = self.engine
        length = engine.limited(request)
        return engine_inputs(engine.loaded.tokenizer, request, length, params.max_tokens)
