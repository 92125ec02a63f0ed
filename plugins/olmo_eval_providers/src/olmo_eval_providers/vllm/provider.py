"""The provider ``vllm``: vLLM in process, behind the kernel's contract."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Sequence
from typing import Any, ClassVar

from olmo_eval.common.stopping import cut_at_stop
from olmo_eval.common.types import Capability, LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.providers.engine_input import EngineInput, engine_inputs
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.tokenization import Scored, to_score
from olmo_eval_providers.local.futures import ThreadFuture
from olmo_eval_providers.local.gpus import engine_gpus, gpu_present
from olmo_eval_providers.local.outputs import (
    Generation,
    Likelihood,
    generation_output,
    likelihood_outputs,
)
from olmo_eval_providers.local.provider import LocalProvider
from olmo_eval_providers.local.tool_calls import ToolCallReader, tool_calls_in
from olmo_eval_providers.local.transformers_tokenizer import TransformersTokenizer
from olmo_eval_providers.options import read_options
from olmo_eval_providers.outputs import logprob_or_nan
from olmo_eval_providers.prompts import fitted_prompt, usable_context
from olmo_eval_providers.sample_seeds import sample_seeds
from olmo_eval_providers.vllm.async_engine import AsyncEngine
from olmo_eval_providers.vllm.engine import Engine, EngineThread, PendingRequest, load
from olmo_eval_providers.vllm.options import OWN_PACE, Options
from olmo_eval_providers.vllm.tools import VLLMToolParser
from olmo_eval_providers.vllm_args import PACE, gpus_of_engine, parallel_size

#: whether vLLM's engine has a process of its own
_MULTIPROCESSING = "VLLM_ENABLE_V1_MULTIPROCESSING"


class VLLMProvider(LocalProvider[Engine]):
    """Runs vLLM for this process alone. Options: ``vllm.options.Options``; the others are vLLM's
    ``EngineArgs`` (``tensor_parallel_size``, ``gpu_memory_utilization``, ...).

    By default a thread steps vLLM's ``LLMEngine``, which starts sooner and without a GPU needs no
    second process. ``data_parallel_size`` above 1 takes vLLM's ``AsyncLLM``, which has a process
    for each rank and balances requests between them. ``asynchronous=true`` takes it for one rank
    as well, so that this process reads answers while the engine is at its next step: worth a try
    with a GPU; on a CPU it only starts later.
    """

    name: ClassVar[str] = "vllm"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    pace: ClassVar[frozenset[str]] = PACE | OWN_PACE
    # enough to fill vLLM's own batches; it queues the rest
    default_concurrency: ClassVar[int] = 512
    takes_tokens = True
    # a request waits for its turn in the engine, which says nothing about the engine
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._options, self._engine_args = read_options(config, Options, passes_on=True)
        ranks = parallel_size(config, "data")
        self._asynchronous = self._options.asynchronous or ranks > 1
        self._parser: VLLMToolParser | None = None

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        return gpus_of_engine(config) * parallel_size(config, "data")

    async def start(self) -> None:
        if not gpu_present():
            # on a CPU one more process only competes for the cores; AsyncLLM still has one for
            # each engine core, with the core's worker inside it
            os.environ.setdefault(_MULTIPROCESSING, "0")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        own_process = self._asynchronous or os.environ.get(_MULTIPROCESSING, "1") != "0"
        # in this thread: vLLM installs signal handlers, which only the main thread may do
        drive = AsyncEngine if self._asynchronous else EngineThread
        with engine_gpus(self.config.devices, in_process=not own_process):
            engine = load(self.config, self._engine_args, asynchronous=self._asynchronous)
        self._engine = drive(engine)
        await self._learn(self._engine.engine)

    async def _learn(self, engine: Any) -> None:
        """Apart from ``start``, whose frame outlives it with every name in it: vLLM keeps errors
        of optional imports, and those keep their callers."""
        tokenizer = engine.get_tokenizer()
        if inspect.isawaitable(tokenizer):  # AsyncLLM's, in earlier vLLMs
            tokenizer = await tokenizer
        self._tokenizer = TransformersTokenizer(tokenizer, self._options.add_bos_token)
        if self._options.tool_call_parser:
            self._parser = VLLMToolParser(self._options.tool_call_parser, tokenizer)
        self._max_length = int(engine.model_config.max_model_len)
        self._dtype = str(engine.model_config.dtype).removeprefix("torch.")
        self._architectures = list(engine.model_config.architectures)
        await asyncio.to_thread(self._learn_fingerprint)

    async def close(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()

    async def _answers(self, prompts: Sequence[tuple[Sequence[int], Any]]) -> list[Any]:
        """vLLM's outputs for (token ids, sampling) pairs, all in flight at once."""
        engine = self.engine
        pending: list[PendingRequest] = []
        futures: list[asyncio.Future[Any]] = []
        for prompt, sampling in prompts:
            answer: ThreadFuture[Any] = ThreadFuture()
            request = PendingRequest(list(prompt), sampling, answer.done)
            pending.append(request)
            futures.append(answer.future)
            engine.submit(request)
        try:
            return list(await asyncio.gather(*futures))
        finally:
            for request in pending:
                engine.cancel(request)

    # -- generation

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        fitted = fitted_prompt(
            self._tokenizer,
            self._tokenizer.prompt_ids(request),
            self._context_length(request),
            params.max_tokens,
        )
        read_calls: ToolCallReader = tool_calls_in
        special = False
        if request.tools and self._parser is not None:
            read_calls, special = self._parser.prepare(request)
        answers = await self._answers(
            [
                (fitted.tokens, self._sampling(params, fitted.max_new_tokens, seed, special))
                for seed in sample_seeds(request, params)
            ]
        )
        return [
            generation_output(
                self._tokenizer,
                request,
                _generation(answer, params, fitted.truncated_tokens),
                read_calls,
            )
            for answer in answers
        ]

    def _sampling(
        self, params: SamplingParams, max_new_tokens: int, seed: int, special: bool
    ) -> Any:
        from vllm import SamplingParams as VLLMSampling
        from vllm.sampling_params import RequestOutputKind

        settings: dict[str, Any] = {"temperature": 0.0}
        if not params.greedy:
            optional = {"top_p": params.top_p, "top_k": params.top_k}
            settings = {k: v for k, v in optional.items() if v is not None}
            settings.update(temperature=params.temperature, seed=seed)
        return VLLMSampling(
            max_tokens=max_new_tokens,
            stop=list(params.stop_sequences or ()),
            logprobs=params.logprobs,
            skip_special_tokens=not special,
            output_kind=RequestOutputKind.FINAL_ONLY,
            **settings,
        )

    # -- log-likelihoods

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        pairs = to_score(self._tokenizer, request, self._context_length(request))
        found = await self._score(pairs, best=request.prompt_tokens is not None)
        return likelihood_outputs(self._tokenizer, request, found)

    def _context_length(self, request: LMRequest) -> int:
        """Positions of the model that ``request`` may use."""
        own = self._max_length
        if request.request_type in (RequestType.LOGLIKELIHOOD, RequestType.ROLLING):
            # vLLM generates one token beyond what it scores, and reads the last one as well
            own -= 2
        return usable_context(own, request.max_length)

    async def _score(self, pairs: Sequence[Scored], best: bool) -> list[Likelihood]:
        from vllm import SamplingParams as VLLMSampling
        from vllm.sampling_params import RequestOutputKind

        sampling = VLLMSampling(
            max_tokens=1,
            temperature=0.0,
            prompt_logprobs=int(best),  # the most probable token beside the prompt's own
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        answers = await self._answers([([*p.context, *p.target], sampling) for p in pairs])
        return [_likelihood(p, answer, best) for p, answer in zip(pairs, answers, strict=True)]

    # -- for the record

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "architecture": ", ".join(self._architectures),
            "context_length": self._max_length,
            "dtype": self._dtype,
        }

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        limit = self._context_length(request)
        return engine_inputs(self._tokenizer, request, limit, params.max_tokens)


def _generation(answer: Any, params: SamplingParams, truncated_tokens: int) -> Generation:
    output = answer.outputs[0]
    logprobs = None
    if output.logprobs is not None:
        chosen = zip(output.token_ids, output.logprobs, strict=True)
        logprobs = [logprob_or_nan(at[token].logprob) for token, at in chosen]
    return Generation(
        text=cut_at_stop(output.text, params.stop_sequences or ())[0],
        tokens=output.token_ids,
        logprobs=logprobs,
        sampled_tokens=len(output.token_ids),
        finish_reason=output.finish_reason,
        prompt_tokens=len(answer.prompt_token_ids),
        cached_tokens=answer.num_cached_tokens or 0,
        truncated_tokens=truncated_tokens,
    )


def _likelihood(pair: Scored, answer: Any, with_best: bool) -> Likelihood:
    places = answer.prompt_logprobs[len(pair.context) :]
    entries = [place[token] for place, token in zip(places, pair.target, strict=True)]
    best = []
    if with_best:
        best = [min(place.items(), key=lambda found: found[1].rank) for place in places]
    return Likelihood.of(
        pair,
        [logprob_or_nan(entry.logprob) for entry in entries],
        is_greedy=all(entry.rank == 1 for entry in entries),
        best=[(token, logprob_or_nan(entry.logprob)) for token, entry in best],
        cached_tokens=answer.num_cached_tokens or 0,
    )
