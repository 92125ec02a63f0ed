"""The provider ``embedded``: the engine behind the kernel's contract."""

from __future__ import annotations

from typing import Any, ClassVar

import anyio
import anyio.to_thread

from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.providers.engine_input import EngineInput, engine_inputs
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.embedded.config import model_folder
from olmo_eval_providers.embedded.engine import Engine, Job
from olmo_eval_providers.embedded.options import PACE, Options
from olmo_eval_providers.local.outputs import generation_output, likelihood_outputs
from olmo_eval_providers.local.provider import LocalProvider
from olmo_eval_providers.options import read_options
from olmo_eval_providers.prompts import usable_context
from olmo_eval_providers.sample_seeds import sample_seeds


class EmbeddedProvider(LocalProvider[Engine]):
    """Runs a local Llama checkpoint in numpy. Options: ``embedded.options.Options``.

    Work is done in slices by whichever waiting request holds the lock, in a worker thread; a
    slice serves everything in flight, so most requests find themselves done when their turn
    comes.
    """

    name: ClassVar[str] = "embedded"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT, Capability.LOGLIKELIHOOD, Capability.ROLLING}
    )
    pace: ClassVar[frozenset[str]] = PACE
    default_concurrency: ClassVar[int] = 64
    takes_tokens = True

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._options, _ = read_options(config, Options, passes_on=False)

    async def start(self) -> None:
        self._lock = anyio.Lock()
        await anyio.to_thread.run_sync(self._load)

    def _load(self) -> None:
        self._engine = Engine.load(
            model_folder(self.config.model),
            model_folder(self.config.tokenizer) if self.config.tokenizer else None,
            max_length=self.config.max_model_len,
            slots=self._options.slots,
            cache_bytes=self._options.cache_bytes,
        )
        self._learn_fingerprint()

    async def close(self) -> None:
        self._engine = None

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        engine = self.engine
        if request.tools:
            raise ProviderError("the embedded provider cannot call tools")
        prompt = engine.tokenizer.prompt_ids(request)
        job = engine.generate_job(prompt, params, sample_seeds(request, params), request.max_length)
        await self._finish(job)
        return [
            generation_output(engine.tokenizer, request, sample.generation())
            for sample in job.samples
        ]

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        engine = self.engine
        job = engine.score_job(request)
        await self._finish(job)
        return likelihood_outputs(engine.tokenizer, request, job.results)

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
            **super().describe(),
            "architecture": "LlamaForCausalLM",
            "context_length": self.engine.max_length,
            "layers": config.num_layers,
            "hidden_size": config.hidden_size,
            "vocab_size": config.vocab_size,
            "dtype": "float32",
        }

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        length = usable_context(self.engine.max_length, request.max_length)
        return engine_inputs(self.engine.tokenizer, request, length, params.max_tokens)
