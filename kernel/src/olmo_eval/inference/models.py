"""A provider that is asked by lists of requests, with or without an event loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio

from olmo_eval.common.types import LMOutput, LMRequest, ProviderKind, SamplingParams
from olmo_eval.providers.models import make_provider
from olmo_eval.providers.provider import Provider, ProviderConfig


class InferenceProvider:
    """One model of a registered provider.

    It is loaded for each list of questions, and given back after it. Outputs come as one list a
    request, in the order of the requests: ``num_samples`` of a generation, one a continuation.
    """

    def __init__(
        self, model_name: str, kind: str | ProviderKind | None = None, **settings: Any
    ) -> None:
        config = ProviderConfig(kind=None if kind is None else str(kind), model=model_name)
        self.model_name = model_name
        self.config = config.with_overrides(**settings)

    def generate(
        self, requests: Sequence[LMRequest], sampling_params: SamplingParams | None = None
    ) -> list[list[LMOutput]]:
        """``agenerate``, outside of an event loop."""
        return anyio.run(self.agenerate, requests, sampling_params)

    def logprobs(self, requests: Sequence[LMRequest]) -> list[list[LMOutput]]:
        """``alogprobs``, outside of an event loop."""
        return anyio.run(self.alogprobs, requests)

    async def agenerate(
        self, requests: Sequence[LMRequest], sampling_params: SamplingParams | None = None
    ) -> list[list[LMOutput]]:
        """Answer completions and chats; as many are in flight as the provider takes."""
        params = sampling_params or SamplingParams()
        return await self._ask(requests, lambda provider, one: provider.generate(one, params))

    async def alogprobs(self, requests: Sequence[LMRequest]) -> list[list[LMOutput]]:
        """Measure the log-likelihoods of continuations, or of whole texts."""
        return await self._ask(requests, lambda provider, one: provider.loglikelihood(one))

    async def _ask(self, requests: Sequence[LMRequest], ask: Any) -> list[list[LMOutput]]:
        found: list[list[LMOutput]] = [[] for _ in requests]
        provider: Provider = make_provider(self.config)
        limiter = anyio.CapacityLimiter(provider.max_concurrency)

        async def one(place: int, request: LMRequest) -> None:
            async with limiter:
                found[place] = list(await ask(provider, request))

        try:
            await provider.start()
            async with anyio.create_task_group() as group:
                for place, request in enumerate(requests):
                    group.start_soon(one, place, request)
        finally:
            await provider.close()
        return found

    def describe_request(self, request: LMRequest) -> dict[str, Any]:
        """What is asked, as JSON values."""
        return {
            "model": self.model_name,
            "type": str(request.request_type),
            "prompt": request.prompt,
            "messages": request.chat_messages(),
            "continuations": list(request.continuations),
        }


def create_provider(
    provider_kind: str | ProviderKind,
    model_name: str,
    worker_id: int | None = None,
    **kwargs: Any,
) -> InferenceProvider:
    """The model ``model_name`` of a registered provider; ``kwargs`` are its settings.

    ``worker_id`` is there for packs that number their workers.
    """
    return InferenceProvider(model_name, kind=provider_kind, **kwargs)


class MockProvider(InferenceProvider):
    """The provider ``mock``."""

    def __init__(self, model_name: str = "mock-model", **settings: Any) -> None:
        super().__init__(model_name, kind="mock", **settings)


class HuggingFaceProvider(InferenceProvider):
    """The provider ``hf``."""

    def __init__(self, model_name: str, tokenizer: str | None = None, **settings: Any) -> None:
        super().__init__(model_name, kind="hf", tokenizer=tokenizer, **settings)


class LiteLLMProvider(InferenceProvider):
    """The provider ``litellm``."""

    def __init__(self, model_name: str, base_url: str | None = None, **settings: Any) -> None:
        super().__init__(model_name, kind="litellm", base_url=base_url, **settings)


class VLLMProvider(InferenceProvider):
    """The provider ``vllm``."""

    def __init__(self, model_name: str, tokenizer: str | None = None, **settings: Any) -> None:
        super().__init__(model_name, kind="vllm", tokenizer=tokenizer, **settings)


class VLLMServerProvider(InferenceProvider):
    """The provider ``vllm_server``."""

    def __init__(self, model_name: str, base_url: str | None = None, **settings: Any) -> None:
        super().__init__(model_name, kind="vllm_server", base_url=base_url, **settings)
