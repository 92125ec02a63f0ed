"""The provider ``hf``: transformers behind the kernel's contract."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.providers.engine_input import EngineInput, engine_inputs
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.hf.engine import Engine, Job, counters, facts
from olmo_eval_providers.hf.loading import load
from olmo_eval_providers.hf.options import PACE, Options
from olmo_eval_providers.local.futures import ThreadFuture
from olmo_eval_providers.local.provider import LocalProvider
from olmo_eval_providers.options import read_options


class HFProvider(LocalProvider[Engine]):
    """Runs any causal model of transformers. Options: ``hf.options.Options``.

    Requests go to one worker thread, which batches whatever is in flight.
    """

    name: ClassVar[str] = "hf"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    pace: ClassVar[frozenset[str]] = PACE
    default_concurrency: ClassVar[int] = 128
    takes_tokens = True
    # a request waits for the batches before it, which says nothing about the engine
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._options, self._model_arguments = read_options(config, Options, passes_on=True)

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        return int(str(config.kwargs.get("device", "cuda")).startswith("cuda"))

    async def start(self) -> None:
        await asyncio.to_thread(self._load)

    def _load(self) -> None:
        loaded = load(self.config, self._options, self._model_arguments)
        self._engine = Engine(loaded, self._options)
        self._learn_fingerprint()

    async def close(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await asyncio.to_thread(engine.close)

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        return await self._submit(request, params)

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        return await self._submit(request, None)

    async def _submit(self, request: LMRequest, params: SamplingParams | None) -> list[LMOutput]:
        answer: ThreadFuture[list[LMOutput]] = ThreadFuture()
        job = Job(request, params, answer.done)
        self.engine.submit(job)
        try:
            return await answer.future
        finally:
            job.cancelled = True

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), **facts(self.engine)}

    def metrics(self) -> dict[str, float]:
        return counters(self.engine)

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        engine = self.engine
        length = engine.context_length(request)
        return engine_inputs(engine.loaded.tokenizer, request, length, params.max_tokens)
