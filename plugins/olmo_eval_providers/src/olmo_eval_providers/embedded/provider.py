"""The provider ``embedded``: the engine behind the kernel's contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import anyio
import anyio.to_thread

from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval.providers.engine_input import EngineInput, engine_inputs
from olmo_eval.providers.fingerprint import model_fingerprint
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval_providers.embedded.config import model_folder
from olmo_eval_providers.embedded.engine import Engine, Job
from olmo_eval_providers.local.outputs import Generation, generated, scored
from olmo_eval_providers.sample_seeds import sample_seed

_OPTIONS = ("slots", "cache_bytes")


class EmbeddedProvider(Provider):
    """Runs a local Llama checkpoint in numpy.

    ``ProviderConfig.kwargs``: ``slots``, how many samples decode side by side (default 32), and
    ``cache_bytes``, memory for shared prefixes (default 64 MiB).

    Work is done in slices by whichever waiting request holds the lock, in a worker thread; a
    slice serves everything in flight, so most requests find themselves done when their turn
    comes.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT, Capability.LOGLIKELIHOOD, Capability.ROLLING}
    )
    pace: ClassVar[frozenset[str]] = frozenset(_OPTIONS)
    default_concurrency: ClassVar[int] = 64

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._options = _engine_options(config.kwargs)
        self._loaded: Engine | None = None
        self._fingerprint: str | None = None

    @property
    def engine(self) -> Engine:
        """The loaded engine.

        Raises:
            ProviderError: ``start`` has not been called.
        """
        if self._loaded is None:
            raise ProviderError("the embedded provider is not started", hint="await start() first")
        return self._loaded

    async def start(self) -> None:
        self._lock = anyio.Lock()
        await anyio.to_thread.run_sync(self._load)

    def _load(self) -> None:
        folder = model_folder(self.config.model)
        tokenizer = model_folder(self.config.tokenizer) if self.config.tokenizer else None
        limit = self.config.max_model_len
        self._loaded = Engine.load(folder, tokenizer, max_length=limit, **self._options)
        self._fingerprint = model_fingerprint(self.config)

    async def close(self) -> None:
        self._loaded = None

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        engine = self.engine
        if request.tools:
            raise ProviderError("the embedded provider cannot call tools")
        prompt = engine.tokenizer.prompt_ids(request)
        seeds = [sample_seed(request, params, index) for index in range(params.num_samples)]
        job = engine.generate_job(prompt, params, seeds, request.max_length)
        await self._finish(job)
        tokenizer = engine.tokenizer
        return [
            generated(tokenizer, request, Generation.of(s, tokenizer.decode, dropped=job.dropped))
            for s in job.samples
        ]

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        engine = self.engine
        job = engine.score_job(request)
        await self._finish(job)
        return scored(engine.tokenizer, request, job.results)

    async def _finish(self, job: Job) -> None:
        """Take part in the work until ``job`` is done; raises its error."""
        engine = self.engine
        async with self._lock:
            engine.submit(job)
        try:
            while not job.done:
                async with self._lock:
                    if not job.done:
                        await anyio.to_thread.run_sync(engine.work)
        finally:
            if not job.done:
                await self._give_up(engine, job)
        if job.error is not None:
            raise job.error

    async def _give_up(self, engine: Engine, job: Job) -> None:
        """Forget a cancelled request, once no slice is at work on it."""
        with anyio.CancelScope(shield=True):
            async with self._lock:
                engine.discard(job)

    def describe(self) -> dict[str, Any]:
        config = self.engine.model.config
        return {
            "fingerprint": self._fingerprint,
            "architecture": "LlamaForCausalLM",
            "context_length": self.engine.max_length,
            "layers": config.num_layers,
            "hidden_size": config.hidden_size,
            "vocab_size": config.vocab_size,
            "dtype": "float32",
        }

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        length = self.engine.limited(request.max_length)
        return engine_inputs(self.engine.tokenizer, request, length, params.max_tokens)


def _engine_options(kwargs: Mapping[str, Any]) -> dict[str, int]:
    unknown = sorted(set(kwargs) - set(_OPTIONS))
    if unknown:
        raise UsageError(
            f"the embedded provider has no option {unknown[0]!r}",
            hint=f"it has: {', '.join(_OPTIONS)}",
        )
    for name, value in kwargs.items():
        if not isinstance(value, int) or value < 1:
            raise UsageError(f"embedded: {name} must be a positive integer, got {value!r}")
    return dict(kwargs)
