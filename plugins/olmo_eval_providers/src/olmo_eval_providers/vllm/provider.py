"""The provider ``vllm``: vLLM in process, behind the kernel's contract."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from typing import Any, ClassVar

from olmo_eval.common.types import (
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    TokenLogprob,
    Usage,
)
from olmo_eval.errors import ProviderError
from olmo_eval.harness.provider import Capability, Provider, ProviderConfig
from olmo_eval_providers.choose import gpu_present
from olmo_eval_providers.fingerprint import model_fingerprint
from olmo_eval_providers.hf.tokenizer import HFTokenizer
from olmo_eval_providers.openai_api.answer import cut_at_stop
from olmo_eval_providers.seeds import sample_seed
from olmo_eval_providers.tokenization import Scored, fit, fit_prompt, rolling_windows, split_pair
from olmo_eval_providers.tool_calls import tool_calls_in
from olmo_eval_providers.vllm.engine import Ask, EngineThread, load


class VLLMProvider(Provider):
    """Runs vLLM in this process.

    ``ProviderConfig.kwargs`` are vLLM's ``EngineArgs``: ``tensor_parallel_size``,
    ``pipeline_parallel_size``, ``distributed_executor_backend``, ``gpu_memory_utilization``, ...;
    ``add_bos_token`` overrules the tokenizer about putting BOS in front.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    # enough to fill vLLM's own batches; it queues the rest
    default_concurrency: ClassVar[int] = 512
    # a request waits for its turn in the engine, which says nothing about the engine
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._extra = dict(config.kwargs)
        self._add_bos = self._extra.pop("add_bos_token", None)
        self._thread: EngineThread | None = None

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        sizes = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
        return math.prod(int(config.kwargs.get(size, 1)) for size in sizes)

    async def start(self) -> None:
        if self.config.devices:
            # read by CUDA when the engine first touches it, in this process and its children
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.config.devices)
        if not gpu_present():
            # on a CPU a second process only competes for the cores
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        # in this thread: vLLM installs signal handlers, which only the main thread may do
        engine = load(self.config, self._extra)
        self._tokenizer = HFTokenizer(engine.get_tokenizer(), self._add_bos)
        self._max_length = int(engine.model_config.max_model_len)
        self._dtype = str(engine.model_config.dtype).removeprefix("torch.")
        self._architectures = list(engine.model_config.architectures)
        self._fingerprint = await asyncio.to_thread(model_fingerprint, self.config)
        self._truncated = 0
        self._thread = EngineThread(engine)

    async def close(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.close)

    async def _ask(self, prompts: Sequence[tuple[list[int], Any]]) -> list[Any]:
        """vLLM's outputs for (token ids, sampling) pairs, all in flight at once."""
        if self._thread is None:
            raise ProviderError("the vllm provider is not started", hint="await start() first")
        loop = asyncio.get_running_loop()
        asks: list[Ask] = []
        futures: list[asyncio.Future[Any]] = []
        for prompt, sampling in prompts:
            future: asyncio.Future[Any] = loop.create_future()
            ask = Ask(prompt, sampling, _settler(loop, future))
            asks.append(ask)
            futures.append(future)
            self._thread.submit(ask)
        try:
            return list(await asyncio.gather(*futures))
        finally:
            for ask in asks:
                ask.cancelled = True

    # -- generation

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        limit = min(request.max_length or self._max_length, self._max_length)
        chat = request.request_type is RequestType.CHAT
        whole = self._tokenizer.prompt_ids(request, chat=chat)
        prompt = fit_prompt(whole, limit, params.max_tokens)
        dropped = len(whole) - len(prompt)
        self._truncated += dropped > 0
        room = max(1, limit - len(prompt))
        asks = [
            (prompt, self._sampling(params, room, sample_seed(request, params, index)))
            for index in range(params.num_samples)
        ]
        return [self._generated(request, params, o, dropped) for o in await self._ask(asks)]

    def _sampling(self, params: SamplingParams, room: int, seed: int) -> Any:
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
            output_kind=RequestOutputKind.FINAL_ONLY,
            **settings,
        )

    def _generated(
        self, request: LMRequest, params: SamplingParams, answer: Any, dropped: int
    ) -> LMOutput:
        output = answer.outputs[0]
        text, _ = cut_at_stop(output.text, params.stop_sequences or ())
        text, calls = tool_calls_in(text) if request.tools else (text, ())
        listed = None
        if output.logprobs is not None:
            chosen = zip(output.token_ids, output.logprobs, strict=True)
            listed = tuple(
                TokenLogprob(token=self._tokenizer.token_text(t), logprob=float(at[t].logprob))
                for t, at in chosen
            )
        return LMOutput(
            text=text,
            num_tokens=len(output.token_ids),
            sum_logprob=None if listed is None else sum(t["logprob"] for t in listed),
            logprobs=listed,
            tool_calls=calls,
            finish_reason="tool_calls" if calls else output.finish_reason,
            usage=Usage(
                prompt_tokens=len(answer.prompt_token_ids),
                completion_tokens=len(output.token_ids),
                cached_tokens=answer.num_cached_tokens or 0,
            ),
            metadata={"truncated_prompt_tokens": dropped} if dropped else {},
        )

    # -- log-likelihoods

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        # vLLM generates one token beyond what it scores, and reads the last one as well
        own = self._max_length - 2
        limit = max(1, min(request.max_length or own, own))
        if request.request_type is RequestType.ROLLING:
            windows = rolling_windows(self._tokenizer, request.prompt, limit)
            return [self._scored(request.prompt, windows, await self._score(windows))]
        cache: dict[str, list[int]] = {}

        def encode(text: str) -> list[int]:
            if text not in cache:
                cache[text] = self._tokenizer.encode(text)
            return cache[text]

        pairs = [
            fit(split_pair(self._tokenizer, context, text, encode=encode), limit)
            for context, text in zip(request.contexts(), request.continuations, strict=True)
        ]
        self._truncated += any(pair.dropped for pair in pairs)
        found = zip(request.continuations, pairs, await self._score(pairs), strict=True)
        return [self._scored(text, [pair], [scores]) for text, pair, scores in found]

    async def _score(self, pairs: Sequence[Scored]) -> list[list[Any]]:
        """vLLM's ``Logprob`` of each target token."""
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
        return [
            [
                at[token]
                for at, token in zip(
                    answer.prompt_logprobs[len(pair.context) :], pair.target, strict=True
                )
            ]
            for pair, answer in zip(pairs, answers, strict=True)
        ]

    def _scored(
        self, text: str, pairs: Sequence[Scored], scores: Sequence[Sequence[Any]]
    ) -> LMOutput:
        tokens = [token for pair in pairs for token in pair.target]
        entries = [entry for part in scores for entry in part]
        listed = tuple(
            TokenLogprob(token=self._tokenizer.token_text(t), logprob=float(e.logprob))
            for t, e in zip(tokens, entries, strict=True)
        )
        dropped = pairs[0].dropped
        return LMOutput(
            text=text,
            sum_logprob=sum(t["logprob"] for t in listed),
            num_tokens=len(tokens),
            is_greedy=all(entry.rank == 1 for entry in entries),
            logprobs=listed,
            usage=Usage(prompt_tokens=len(pairs[0].context) + len(tokens)),
            metadata={"truncated_prompt_tokens": dropped} if dropped else {},
        )

    # -- for the record

    def describe(self) -> dict[str, Any]:
        return {
            "fingerprint": self._fingerprint,
            "architecture": ", ".join(self._architectures),
            "context_length": self._max_length,
            "dtype": self._dtype,
            "truncated_prompts": self._truncated,
        }

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text)

    def render(self, request: LMRequest) -> str | None:
        if request.request_type is RequestType.CHAT:
            return self._tokenizer.render_chat(request)
        return request.prompt or None


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
