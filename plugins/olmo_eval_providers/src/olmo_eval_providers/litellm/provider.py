"""The provider ``litellm``: commercial APIs and OpenAI-compatible servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from typing import Any, ClassVar

from olmo_eval.common.types import (
    Capability,
    Identity,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
)
from olmo_eval.errors import ProviderError, TransientError, UsageError
from olmo_eval.providers.engine_input import EngineInput
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.results.redact import Redactor
from olmo_eval_providers.extras import require
from olmo_eval_providers.litellm.call import CallForm, call_form
from olmo_eval_providers.litellm.connections import close_connections, open_connections
from olmo_eval_providers.litellm.errors import refused_parameter, translate
from olmo_eval_providers.litellm.limits import AdaptiveGate, CostMeter, MinuteLimit
from olmo_eval_providers.litellm.options import PACE, Options, missing_keys, service_key
from olmo_eval_providers.litellm.pricing import Prices
from olmo_eval_providers.openai_api.answer import outputs
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.openai_api.inspection import chat_inputs, text_inputs
from olmo_eval_providers.openai_api.loglikelihood import ServerLoglikelihood
from olmo_eval_providers.openai_api.prompt_logprobs import prompt_logprob_support
from olmo_eval_providers.openai_api.served_model import ANY, find_served_model
from olmo_eval_providers.openai_api.tokenizers import (
    LocalTokenizer,
    ServerTokenizer,
    local_tokenizer,
)
from olmo_eval_providers.options import read_options

_GENERATING = frozenset({Capability.GENERATE, Capability.CHAT, Capability.TOOLS})
_SCORING = frozenset({Capability.LOGLIKELIHOOD, Capability.ROLLING})
#: characters a token, for estimating a request's tokens before the service counts them
_CHARACTERS = 4


class LiteLLMProvider(Provider):
    """Asks a service through LiteLLM, within its limits. Options: ``litellm.options.Options``.

    Log-likelihoods need a ``base_url`` whose completions endpoint returns prompt
    log-probabilities; that is tried when the run starts, and refused where it does not hold.
    """

    capabilities: ClassVar[frozenset[Capability]] = _GENERATING
    pace: ClassVar[frozenset[str]] = PACE
    default_concurrency: ClassVar[int] = 64
    # waiting for a rate limit is no attempt: the time limit is applied to each call here
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.options, self._call_arguments = read_options(config, Options, passes_on=True)
        self._where = config.base_url or config.model
        self._client: OpenAIClient | None = None
        self._server: ServerTokenizer | None = None
        self._likelihood: ServerLoglikelihood | None = None
        self._dropped: set[str] = set()
        self._single = False
        self._litellm: Any = None

    @classmethod
    def capabilities_for(cls, config: ProviderConfig) -> frozenset[Capability]:
        return _GENERATING | _SCORING if config.base_url else _GENERATING

    @classmethod
    def identify(cls, config: ProviderConfig) -> dict[str, Any]:
        facts = super().identify(config)
        return facts if config.base_url else {**facts, "known_by": str(Identity.SERVICE)}

    @classmethod
    def service_key(cls, config: ProviderConfig) -> str | None:
        options, _ = read_options(config, Options, passes_on=True)
        return service_key(options, config)

    @classmethod
    def refusals(cls, config: ProviderConfig, sampling: Collection[SamplingParams]) -> list[str]:
        options, extra = read_options(config, Options, passes_on=True)
        litellm = _imported()
        key = service_key(options, config)
        form = _form(litellm, config, extra, key)
        reasons = [] if key else missing_keys(litellm, config.model)
        for params in sampling:
            try:
                form.sampling(params, chat=not config.base_url)
            except ProviderError as error:
                reasons.append(f"{error.message}: {error.hint}")
        return reasons

    async def start(self) -> None:
        if not self.config.model:
            raise UsageError("litellm needs a model", hint="-m openai/gpt-4o-mini, say")
        self._litellm = await asyncio.to_thread(_imported)
        open_connections(self._litellm, self, self.config.timeout)
        self._key = service_key(self.options, self.config)
        self._redactor = Redactor()
        self._redactor.learn(self._key or "", "api_key")
        self._gate = AdaptiveGate(self.max_concurrency)
        self._requests = MinuteLimit(self.options.requests_per_minute)
        self._tokens = MinuteLimit(self.options.tokens_per_minute)
        self._cost = CostMeter(self.options.max_cost)
        self._form = _form(self._litellm, self.config, self._call_arguments, self._key)
        self._prices = Prices(self._litellm, self._form.model, self.options)
        self._prices.check(self.options.max_cost)
        if self.config.base_url:
            await self._join(self.config.base_url)

    @property
    def _served_name(self) -> str:
        """The model's name as its server knows it."""
        return self._form.model.partition("/")[2] if self.config.base_url else self._form.model

    async def _join(self, base_url: str) -> None:
        """Say at once when nobody answers at ``base_url``; find out which model ``any`` is, and
        about log-probabilities.

        Raises:
            ProviderError: the server is not there, or ``any`` may be several models.
        """
        self._client = OpenAIClient(
            base_url, self._key, timeout=self.config.timeout, extra="litellm"
        )
        limits = [self.config.max_model_len]
        if self._served_name in ANY:
            found = await find_served_model(self._client, self._served_name)
            self._form.model = f"{self._form.model.partition('/')[0]}/{found.name}"
            limits.append(found.max_length)
        try:
            support = await prompt_logprob_support(self._client, self._served_name)
        except TransientError as error:
            raise ProviderError(error.message, hint=error.hint) from error
        tokenizer = local_tokenizer(self.config)
        self._server = await ServerTokenizer.probe(self._client, self._served_name)
        encoder: LocalTokenizer | ServerTokenizer | None = self._server
        if tokenizer is not None:
            encoder = LocalTokenizer(tokenizer)
        self._likelihood = ServerLoglikelihood(
            self._client,
            self._served_name,
            support,
            encoder,
            min((n for n in limits if n), default=None),
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        await close_connections(self._litellm, self)

    # -- asking

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        found: list[LMOutput] = []
        while len(found) < params.num_samples:
            missing = params.num_samples - len(found)
            if missing > 1 and (self._single or not self._form.takes_n):
                parts = await asyncio.gather(
                    *(self._call(request, params, len(found) + i, 1) for i in range(missing))
                )
                found += [output for part in parts for output in part]
                break
            part = await self._call(request, params, len(found), missing)
            # some servers accept n and answer once
            self._single = self._single or len(part) < missing
            found += part
        return found[: params.num_samples]

    async def _call(
        self, request: LMRequest, params: SamplingParams, first: int, count: int
    ) -> list[LMOutput]:
        self._cost.check()
        await self._requests.take()
        spent = await self._tokens.take(_estimate(request, params, count))
        async with self._gate.slot():
            self._cost.check()  # others may have spent the rest while this one waited
            answer, dropped = await self._complete(request, params, first, count)
        self._dropped.update(dropped)
        raw = answer.model_dump()
        cost = self._prices.cost(answer, raw.get("usage") or {})
        self._cost.add(cost)
        self._tokens.correct(spent, (raw.get("usage") or {}).get("total_tokens") or 0)
        return outputs(
            raw,
            stops=params.stop_sequences or (),
            cost=cost,
            metadata={"not_sent": sorted(dropped)} if dropped else {},
        )

    async def _complete(
        self, request: LMRequest, params: SamplingParams, first: int, count: int
    ) -> tuple[Any, list[str]]:
        """LiteLLM's answer, and the names of what was not sent."""
        chat = self._as_chat(request)
        complete = self._litellm.acompletion if chat else self._litellm.atext_completion
        while True:
            body, dropped = self._form.build(request, params, chat=chat, first=first, count=count)
            if self._server and not chat:
                body["prompt"] = self._server.to_send(body["prompt"])
            try:
                return await asyncio.wait_for(complete(**body), self.config.timeout), dropped
            except Exception as error:
                if not self._form.drop_refused(refused_parameter(error), body):
                    raise translate(error, self._where, self._redactor) from None

    def _as_chat(self, request: LMRequest) -> bool:
        if request.request_type is RequestType.CHAT:
            return True
        if self.options.completion != "auto":
            return self.options.completion == "chat"
        text_services = ("text-completion-openai", "hosted_vllm", "text-completion-codestral")
        return not self.config.base_url and self._form.service not in text_services

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        if self._likelihood is None:
            raise UsageError(
                f"{self.config.model} is an API that returns no log-probabilities of the prompt",
                hint="use vllm, vllm_server, hf or embedded, or a generative variant of the task",
            )
        await self._requests.take(max(1, len(request.continuations)))
        async with self._gate.slot():
            return await self._likelihood(request)

    def notes(self) -> list[str]:
        dropped = ", ".join(sorted(self._dropped))
        return [f"{self._where} does not take {dropped} as asked: not sent"] if dropped else []

    def metrics(self) -> dict[str, float]:
        return {"overloads": self._gate.overloads, "unpriced_calls": self._cost.unpriced}

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        server = self._server
        encoder = self._likelihood.encoder if self._likelihood else None
        local = encoder if isinstance(encoder, LocalTokenizer) else None
        if request.request_type not in (RequestType.COMPLETION, RequestType.CHAT):
            limit = self._likelihood.context_length(request) if self._likelihood else None
            known = await text_inputs(request, params, encoder, limit)
        elif self._as_chat(request):
            known = await chat_inputs(request, server, local)
        else:
            known = await text_inputs(request, params, server, None, local=local)
        return known or await super().inspect(request, params)

    # -- for the record

    def describe(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"service": self._form.service}
        if self._likelihood is not None:
            support = self._likelihood.support
            facts["prompt_logprobs"] = str(support.form) if support.form else "none"
        return facts


def _imported() -> Any:
    """LiteLLM, which must not look for its price list on the network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = require("litellm", "litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm


def _form(litellm: Any, config: ProviderConfig, extra: dict[str, Any], key: str | None) -> CallForm:
    settings: dict[str, Any] = {**extra, "timeout": config.timeout}
    settings.update(num_retries=0, max_retries=0)
    if config.base_url:
        settings["api_base"] = config.base_url
    if key:
        settings["api_key"] = key
    return call_form(litellm, config.model, config.base_url, settings)


def _estimate(request: LMRequest, params: SamplingParams, count: int) -> int:
    """Tokens that a call will probably use: its prompt's, and what it may generate at most."""
    text = request.prompt or "".join(str(m.get("content") or "") for m in request.chat_messages())
    return len(text) // _CHARACTERS + 1 + (params.max_tokens or 0) * count
