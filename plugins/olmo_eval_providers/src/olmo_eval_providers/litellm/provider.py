"""The provider ``litellm``: commercial APIs and OpenAI-compatible servers."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any, ClassVar

from olmo_eval.common.types import LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError, TransientError, UsageError
from olmo_eval.harness.engine_input import EngineInput
from olmo_eval.harness.provider import Capability, Provider, ProviderConfig
from olmo_eval.results.redact import Redactor
from olmo_eval_providers.litellm.call import CallForm
from olmo_eval_providers.litellm.failures import translate
from olmo_eval_providers.litellm.limits import AdaptiveGate, CostMeter, MinuteLimit
from olmo_eval_providers.litellm.options import api_key, read_options
from olmo_eval_providers.litellm.pricing import Prices
from olmo_eval_providers.openai_api.answer import outputs
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.openai_api.encoders import LocalEncoder, ServerEncoder, local_tokenizer
from olmo_eval_providers.openai_api.inspection import chat_inputs, text_inputs
from olmo_eval_providers.openai_api.likelihood import RemoteLikelihood
from olmo_eval_providers.openai_api.prompt_logprobs import probe
from olmo_eval_providers.openai_api.served import ANY, served
from olmo_eval_providers.optional import require

_log = logging.getLogger(__name__)
_GENERATING = frozenset({Capability.GENERATE, Capability.CHAT, Capability.TOOLS})
_SCORING = frozenset({Capability.LOGLIKELIHOOD, Capability.ROLLING})
#: started and not yet closed
_open: set[LiteLLMProvider] = set()
#: characters a token, for estimating a request's tokens before the service counts them
_CHARACTERS = 4


class LiteLLMProvider(Provider):
    """Asks a service through LiteLLM, within its limits. Options: ``litellm.options.Options``.

    Log-likelihoods need a ``base_url`` whose completions endpoint returns prompt
    log-probabilities; that is tried when the run starts, and refused where it does not hold.
    """

    capabilities: ClassVar[frozenset[Capability]] = _GENERATING
    default_concurrency: ClassVar[int] = 64
    # waiting for a rate limit is no attempt: the time limit is applied to each call here
    limits_attempts = False

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.options, self._extra = read_options(config)
        self._where = config.base_url or config.model
        self._client: OpenAIClient | None = None
        self._server: ServerEncoder | None = None
        self._likelihood: RemoteLikelihood | None = None
        self._not_sent: set[str] = set()
        self._single = False
        self._litellm: Any = None

    @classmethod
    def capabilities_for(cls, config: ProviderConfig) -> frozenset[Capability]:
        return _GENERATING | _SCORING if config.base_url else _GENERATING

    async def start(self) -> None:
        if not self.config.model:
            raise UsageError("litellm needs a model", hint="-m openai/gpt-4o-mini, say")
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        self._litellm = await asyncio.to_thread(require, "litellm", "litellm")
        _open.add(self)
        self._litellm.suppress_debug_info = True
        self._litellm.telemetry = False
        self._key = api_key(self.options, self.config)
        self._redactor = Redactor()
        self._redactor.learn(self._key or "", "api_key")
        self._gate = AdaptiveGate(self.max_concurrency)
        self._requests = MinuteLimit(self.options.requests_per_minute)
        self._tokens = MinuteLimit(self.options.tokens_per_minute)
        self._cost = CostMeter(self.options.max_cost)
        self._form = self._call_form()
        self._prices = Prices(self._litellm, self._form.model, self.options)
        self._prices.check(self.options.max_cost)
        if self.config.base_url:
            await self._join(self.config.base_url)

    def _call_form(self) -> CallForm:
        """LiteLLM's name for the model; a server of unknown make is spoken to as OpenAI's."""
        name, base_url = self.config.model, self.config.base_url
        try:
            model, service, _, _ = self._litellm.get_llm_provider(name)
        except Exception as error:
            if not base_url:
                raise UsageError(
                    f"litellm knows no service for the model {name!r}",
                    hint="put the service in front (openai/..., anthropic/...), or set base_url",
                ) from error
            model, service, name = name, "openai", f"openai/{name}"
        supported = self._litellm.get_supported_openai_params(
            model=model, custom_llm_provider=service
        )
        settings: dict[str, Any] = {**self._extra, "timeout": self.config.timeout}
        settings.update(num_retries=0, max_retries=0)
        if base_url:
            settings["api_base"] = base_url
        if self._key:
            settings["api_key"] = self._key
        return CallForm(name, service, frozenset(supported or ()), bool(base_url), settings)

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
            found = await served(self._client, self._served_name)
            self._form.model = f"{self._form.model.partition('/')[0]}/{found.name}"
            limits.append(found.max_length)
        try:
            ability = await probe(self._client, self._served_name)
        except TransientError as error:
            raise ProviderError(error.message, hint=error.hint) from error
        tokenizer = local_tokenizer(self.config)
        self._server = await ServerEncoder.probe(self._client, self._served_name)
        encoder: LocalEncoder | ServerEncoder | None = self._server
        if tokenizer is not None:
            encoder = LocalEncoder(tokenizer)
        self._likelihood = RemoteLikelihood(
            self._client,
            self._served_name,
            ability,
            encoder,
            min((n for n in limits if n), default=None),
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        _open.discard(self)
        # litellm's connections belong to the process: a judge may still be using them
        forget = getattr(self._litellm, "close_litellm_async_clients", None)
        if forget is not None and not _open:
            await forget()

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
        chat = self._as_chat(request)
        body, left_out = self._form.build(request, params, chat=chat, first=first, count=count)
        if self._server and not chat:
            body["prompt"] = self._server.to_send(body["prompt"])
        self._note(left_out)
        ask = self._litellm.acompletion if chat else self._litellm.atext_completion
        self._cost.check()
        await self._requests.take()
        spent = await self._tokens.take(_estimate(request, params, count))
        async with self._gate.slot():
            self._cost.check()  # others may have spent the rest while this one waited
            try:
                answer = await asyncio.wait_for(ask(**body), self.config.timeout)
            except Exception as error:
                raise translate(error, self._where, self._redactor) from None
        raw = answer.model_dump()
        cost = self._prices.cost(answer, raw.get("usage") or {})
        self._cost.add(cost)
        self._tokens.correct(spent, (raw.get("usage") or {}).get("total_tokens") or 0)
        return outputs(
            raw,
            stops=params.stop_sequences or (),
            cost=cost,
            metadata={"not_sent": sorted(left_out)} if left_out else {},
        )

    def _as_chat(self, request: LMRequest) -> bool:
        if request.request_type is RequestType.CHAT:
            return True
        if self.options.completion != "auto":
            return self.options.completion == "chat"
        text_services = ("text-completion-openai", "hosted_vllm", "text-completion-codestral")
        return not self.config.base_url and self._form.service not in text_services

    def _note(self, left_out: list[str]) -> None:
        for name in set(left_out) - self._not_sent:
            self._not_sent.add(name)
            _log.warning("%s does not take %s as asked; it is not sent in full", self._where, name)

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
        left_out = ", ".join(sorted(self._not_sent))
        return [f"{self._where} does not take {left_out} as asked"] if left_out else []

    def metrics(self) -> dict[str, float]:
        return {"overloads": self._gate.overloads, "unpriced_calls": self._cost.unpriced}

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        server = self._server
        encoder = self._likelihood.encoder if self._likelihood else None
        local = encoder if isinstance(encoder, LocalEncoder) else None
        if request.request_type not in (RequestType.COMPLETION, RequestType.CHAT):
            limit = self._likelihood.limit(request) if self._likelihood else None
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
            ability = self._likelihood.ability
            facts["prompt_logprobs"] = str(ability.form) if ability.form else "none"
        return facts


def _estimate(request: LMRequest, params: SamplingParams, count: int) -> int:
    """Tokens that a call will probably use: its prompt's, and what it may generate at most."""
    text = request.prompt or "".join(str(m.get("content") or "") for m in request.chat_messages())
    return len(text) // _CHARACTERS + 1 + (params.max_tokens or 0) * count
