"""The provider ``vllm``: vLLM in process, behind the kernel's contract."""

from __future__ import annotations

import asyncio
import inspect
import math
import os
from collections.abc import Sequence
from typing import Any, ClassVar

from olmo_eval.common.types import Capability, LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.providers.engine_input import EngineInput, engine_inputs
from olmo_eval.providers.fingerprint import model_fingerprint
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.providers.tokenization import Scored, fit_prompt, to_score
from olmo_eval_providers.choose import gpu_present
from olmo_eval_providers.local.gpus import starting_on
from olmo_eval_providers.local.outputs import Generation, Likelihood, generated, logprob, scored
from olmo_eval_providers.local.tool_calls import ToolCallReader, tool_calls_in
from olmo_eval_providers.local.transformers_tokenizer import TransformersTokenizer
from olmo_eval_providers.openai_api.answer import cut_at_stop
from olmo_eval_providers.sample_seeds import sample_seed
from olmo_eval_providers.vllm.async_engine import AsyncEngine
from olmo_eval_providers.vllm.engine import PACE, Ask, Engine, EngineThread, load
from olmo_eval_providers.vllm.tools import VLLMToolParser

#: whether vLLM's engine has a process of its own
_MULTIPROCESSING = "VLLM_ENABLE_V1_MULTIPROCESSING"


class VLLMProvider(Provider):
    """Runs vLLM for this process alone.

    By default a thread steps vLLM's ``LLMEngine``, which starts sooner and without a GPU needs no
    second process. ``data_parallel_size`` above 1 takes vLLM's ``AsyncLLM``, which has a process
    for each rank and balances requests between them. ``asynchronous=true`` takes it for one rank
    as well, so that this process reads answers while the engine is at its next step: worth a try
    with a GPU; on a CPU it only starts later.

    ``ProviderConfig.kwargs`` are vLLM's ``EngineArgs``: ``tensor_parallel_size``,
    ``pipeline_parallel_size``, ``distributed_executor_backend``, ``gpu_memory_utilization``, ...;
    ``add_bos_token`` overrules the tokenizer about putting BOS in front; ``tool_call_parser``
    names the tool parser of vLLM's that reads the model's calls, where the usual forms do not.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    pace: ClassVar[frozenset[str]] = PACE | {"asynchronous"}
    # enough to fill vLLM's own batches; it queues the rest
    default_concurrency: ClassVar[int] = 512
    # a request waits for its turn in the engine, which says nothing about the engine
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._extra = dict(config.kwargs)
        self._add_bos = self._extra.pop("add_bos_token", None)
        self._parser_name = self._extra.pop("tool_call_parser", None)
        ranks = int(self._extra.get("data_parallel_size", 1))
        self._asynchronous = bool(self._extra.pop("asynchronous", False)) or ranks > 1
        self._parser: VLLMToolParser | None = None
        self._engine: Engine | None = None

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        sizes = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
        return math.prod(int(config.kwargs.get(size, 1)) for size in sizes)

    async def start(self) -> None:
        if not gpu_present():
            # on a CPU one more process only competes for the cores; AsyncLLM still has one for
            # each engine core, with the core's worker inside it
            os.environ.setdefault(_MULTIPROCESSING, "0")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        own_process = self._asynchronous or os.environ.get(_MULTIPROCESSING, "1") != "0"
        # in this thread: vLLM installs signal handlers, which only the main thread may do
        drive = AsyncEngine if self._asynchronous else EngineThread
        with starting_on(self.config.devices, in_process=not own_process):
            engine = load(self.config, self._extra, asynchronous=self._asynchronous)
        self._engine = drive(engine)
        await self._learn(self._engine.engine)

    async def _learn(self, engine: Any) -> None:
        """Apart from ``start``, whose frame outlives it with every name in it: vLLM keeps errors
        of optional imports, and those keep their callers."""
        tokenizer = engine.get_tokenizer()
        if inspect.isawaitable(tokenizer):  # AsyncLLM's, in earlier vLLMs
            tokenizer = await tokenizer
        self._tokenizer = TransformersTokenizer(tokenizer, self._add_bos)
        if self._parser_name:
            self._parser = VLLMToolParser(self._parser_name, tokenizer)
        self._max_length = int(engine.model_config.max_model_len)
        self._dtype = str(engine.model_config.dtype).removeprefix("torch.")
        self._architectures = list(engine.model_config.architectures)
        self._fingerprint = await asyncio.to_thread(model_fingerprint, self.config)

    async def close(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()

    async def _ask(self, prompts: Sequence[tuple[list[int], Any]]) -> list[Any]:
        """vLLM's outputs for (token ids, sampling) pairs, all in flight at once."""
        if self._engine is None:
            raise ProviderError("the vllm provider is not started", hint="await start() first")
        loop = asyncio.get_running_loop()
        asks: list[Ask] = []
        futures: list[asyncio.Future[Any]] = []
        engine = self._engine
        for prompt, sampling in prompts:
            future: asyncio.Future[Any] = loop.create_future()
            ask = Ask(prompt, sampling, _settler(loop, future))
            asks.append(ask)
            futures.append(future)
            engine.submit(ask)
        try:
            return list(await asyncio.gather(*futures))
        finally:
            for ask in asks:
                engine.cancel(ask)

    # -- generation

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        limit = self._limited(request)
        whole = self._tokenizer.prompt_ids(request)
        prompt = fit_prompt(self._tokenizer, whole, limit, params.max_tokens)
        dropped = len(whole) - len(prompt)
        room = max(1, limit - len(prompt))
        read_calls: ToolCallReader = tool_calls_in
        special = False
        if request.tools and self._parser is not None:
            read_calls, special = self._parser.prepare(request)
        asks = [
            (prompt, self._sampling(params, room, sample_seed(request, params, index), special))
            for index in range(params.num_samples)
        ]
        return [
            generated(self._tokenizer, request, _generation(o, params, dropped), read_calls)
            for o in await self._ask(asks)
        ]

    def _sampling(self, params: SamplingParams, room: int, seed: int, special: bool) -> Any:
        from vllm import SamplingParams as VLLMSampling
        from vllm.sampling_params import RequestOutputKind

        settings: dict[str, Any] = {"temperature": 0.0}
        if not params.greedy:
            optional = {"top_p": params.top_p, "top_k": params.top_k}
            settings = {k: v for k, v in optional.items() if v is not None}
            settings.update(temperature=params.temperature, seed=seed)
        return VLLMSampling(
            max_tokens=min(room, params.max_tokens or room),
            stop=list(params.stop_sequences or ()),
            logprobs=params.logprobs,
            skip_special_tokens=not special,
            output_kind=RequestOutputKind.FINAL_ONLY,
            **settings,
        )

    # -- log-likelihoods

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        pairs = to_score(self._tokenizer, request, self._limited(request))
        return scored(self._tokenizer, request, await self._score(pairs))

    def _limited(self, request: LMRequest) -> int:
        """Positions of the model that ``request`` may use."""
        own = self._max_length
        if request.request_type in (RequestType.LOGLIKELIHOOD, RequestType.ROLLING):
            # vLLM generates one token beyond what it scores, and reads the last one as well
            own -= 2
        return max(1, min(request.max_length or own, own))

    async def _score(self, pairs: Sequence[Scored]) -> list[Likelihood]:
        from vllm import SamplingParams as VLLMSampling
        from vllm.sampling_params import RequestOutputKind

        sampling = VLLMSampling(
            max_tokens=1,
            temperature=0.0,
            prompt_logprobs=0,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        answers = await self._ask([([*p.context, *p.target], sampling) for p in pairs])
        return [_likelihood(p, answer) for p, answer in zip(pairs, answers, strict=True)]

    # -- for the record

    def describe(self) -> dict[str, Any]:
        return {
            "fingerprint": self._fingerprint,
            "architecture": ", ".join(self._architectures),
            "context_length": self._max_length,
            "dtype": self._dtype,
        }

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        limit = self._limited(request)
        return engine_inputs(self._tokenizer, request, limit, params.max_tokens)


def _generation(answer: Any, params: SamplingParams, dropped: int) -> Generation:
    output = answer.outputs[0]
    logprobs = None
    if output.logprobs is not None:
        chosen = zip(output.token_ids, output.logprobs, strict=True)
        logprobs = [logprob(at[token].logprob) for token, at in chosen]
    return Generation(
        text=cut_at_stop(output.text, params.stop_sequences or ())[0],
        tokens=output.token_ids,
        logprobs=logprobs,
        drawn=len(output.token_ids),
        finish_reason=output.finish_reason,
        prompt_tokens=len(answer.prompt_token_ids),
        reused=answer.num_cached_tokens or 0,
        dropped=dropped,
    )


def _likelihood(pair: Scored, answer: Any) -> Likelihood:
    places = zip(answer.prompt_logprobs[len(pair.context) :], pair.target, strict=True)
    entries = [place[token] for place, token in places]
    return Likelihood.of(
        pair,
        [logprob(entry.logprob) for entry in entries],
        is_greedy=all(entry.rank == 1 for entry in entries),
        reused=answer.num_cached_tokens or 0,
    )


def _settler(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]) -> Any:
    """What the engine's thread calls with an answer or an error."""

    def settle(result: Any) -> None:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)

    def done(result: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result)

    return done
