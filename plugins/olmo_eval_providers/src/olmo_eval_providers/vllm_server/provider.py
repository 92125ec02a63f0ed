"""The provider ``vllm_server``: vLLM servers of our own, or any OpenAI-compatible one."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from olmo_eval.common.types import Capability, LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import (
    MissingDependencyError,
    ProviderError,
    RefusedError,
    TransientError,
)
from olmo_eval.providers.devices import visible_gpus
from olmo_eval.providers.engine_input import EngineInput
from olmo_eval.providers.fingerprint import model_fingerprint
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval_providers.extras import importable, install_command, require
from olmo_eval_providers.local.weight_shapes import check_model
from olmo_eval_providers.openai_api.answer import outputs
from olmo_eval_providers.openai_api.body import chat_body, sampling_body
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.openai_api.inspection import chat_inputs, text_inputs
from olmo_eval_providers.openai_api.loglikelihood import ServerLoglikelihood
from olmo_eval_providers.openai_api.prompt_logprobs import (
    PromptLogprobSupport,
    prompt_logprob_support,
)
from olmo_eval_providers.openai_api.served_model import ServedModel, find_served_model
from olmo_eval_providers.openai_api.tokenizers import (
    LocalTokenizer,
    ServerTokenizer,
    local_tokenizer,
)
from olmo_eval_providers.outputs import truncation_metadata
from olmo_eval_providers.prompts import fitted_prompt
from olmo_eval_providers.sample_seeds import sample_seed
from olmo_eval_providers.vllm_args import OTHER_SOURCES, PACE, gpus_of_engine
from olmo_eval_providers.vllm_server.command import server_arguments
from olmo_eval_providers.vllm_server.options import OWN_PACE, server_key, server_options
from olmo_eval_providers.vllm_server.pool import Instance, Pool, gpus_of_instances
from olmo_eval_providers.vllm_server.process import ServerProcess

#: stop sequences that a server takes which does not take any number
_FEW_STOPS = 4


class VLLMServerProvider(Provider):
    """Starts ``num_instances`` vLLM servers on 127.0.0.1, or joins the one at ``base_url``.

    Options: ``vllm_server.options.Options``; the others go to vLLM's server as they are. Of a
    server that is joined it is found out what it can do.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    pace: ClassVar[frozenset[str]] = PACE | OWN_PACE
    default_concurrency: ClassVar[int] = 256

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.options, self._server_args = server_options(config)
        self._pool = Pool([])
        self._likelihoods: dict[OpenAIClient, ServerLoglikelihood] = {}
        self._served = ServedModel(config.model, config.max_model_len)
        self._prompt_logprobs = PromptLogprobSupport(None)
        self._few_stops = False  # whether the server has refused more than few
        self._local: LocalTokenizer | None = None
        self._server: ServerTokenizer | None = None

    async def start(self) -> None:
        require("aiohttp", "server")
        tokenizer = await asyncio.to_thread(
            local_tokenizer, self.config, self.options.add_bos_token
        )
        if tokenizer is not None:
            self._local = LocalTokenizer(tokenizer)
        if self.config.base_url:
            key = server_key(self.options, self.config)
            client = OpenAIClient(self.config.base_url, key, timeout=self.config.timeout)
            self._pool.instances.append(Instance(client))
        else:
            await self._start_own()
        first = self._pool.instances[0].client
        found = await find_served_model(first, self.config.model)
        limits = [n for n in (found.max_length, self.config.max_model_len) if n]
        self._served = ServedModel(found.name, min(limits) if limits else None)
        self._prompt_logprobs = await prompt_logprob_support(first, self._served.name)
        if self._local is None:
            self._server = await ServerTokenizer.probe(first, self._served.name)
        self._fingerprint = await asyncio.to_thread(model_fingerprint, self.config)

    @classmethod
    def service_key(cls, config: ProviderConfig) -> str | None:
        return server_key(server_options(config)[0], config)

    @classmethod
    def refusals(cls, config: ProviderConfig, sampling: Collection[SamplingParams]) -> list[str]:
        server_options(config)
        return []

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        return config.num_instances * gpus_of_engine(config)

    async def _start_own(self) -> None:
        if self.options.python == sys.executable and not importable("vllm"):
            raise MissingDependencyError(
                "vllm_server starts vLLM, which is not installed here",
                hint=f"{install_command('vllm')}, or join a running server with provider.base_url",
            )
        await asyncio.to_thread(check_model, self.config, unless=OTHER_SOURCES)
        gpus = self.config.devices or visible_gpus()
        environments = gpus_of_instances(
            gpus, self.config.num_instances, gpus_of_engine(self.config)
        )
        folder = Path(self.options.log_dir or tempfile.mkdtemp(prefix="olmo-eval-vllm-"))
        template = self._local.tokenizer.chat_template if self._local else None
        arguments = server_arguments(self.config, self._server_args, template)
        processes = [
            ServerProcess(
                python=self.options.python,
                arguments=arguments,
                log=folder / f"server-{number}.log",
                environment=environment,
                startup_timeout=self.options.startup_timeout,
                request_timeout=self.config.timeout,
            )
            for number, environment in enumerate(environments)
        ]
        starting = [asyncio.ensure_future(process.start()) for process in processes]
        try:
            await asyncio.gather(*starting)
        except BaseException:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
            await asyncio.gather(*(process.stop() for process in processes))
            raise
        self._pool.instances = [Instance(process.client, process) for process in processes]

    async def close(self) -> None:
        await self._pool.close()

    @property
    def base_url(self) -> str:
        """Address of the first server, for harnesses that speak to it themselves."""
        return self._pool.instances[0].client.base_url

    @property
    def api_key(self) -> str | None:
        """Key of the first server."""
        process = self._pool.instances[0].process
        return process.api_key if process else server_key(self.options, self.config)

    # -- asking

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        chat = request.request_type is RequestType.CHAT
        body: dict[str, Any] = {"model": self._served.name, "stream": False}
        truncated = 0
        if chat:
            body.update(chat_body(request))
        else:
            truncated, prompt = self._prompt(request, params, body)
            body["prompt"] = prompt
        path = "/chat/completions" if chat else "/completions"
        metadata = truncation_metadata(truncated)
        found = await asyncio.gather(
            *(
                self._sample(path, {**self._sampling(request, params, index), **body})
                for index in range(params.num_samples)
            )
        )
        return [outputs(a, stops=params.stop_sequences or (), metadata=metadata)[0] for a in found]

    def _prompt(
        self, request: LMRequest, params: SamplingParams, body: dict[str, Any]
    ) -> tuple[int, str | list[int]]:
        """Tokens cut off, and the prompt: ids where the tokenizer is at hand, else text.

        ``max_tokens`` is put into ``body`` where the context leaves less than is asked for, and
        where nothing is asked for, because servers then stop after 16.
        """
        limits = [n for n in (request.max_length, self._served.max_length) if n]
        if self._local is None:
            if params.max_tokens is None and limits:
                body["max_tokens"] = max(1, min(limits) - len(request.prompt) - 1)
            return 0, self._server.to_send(request.prompt) if self._server else request.prompt
        whole = self._local.tokenizer.prompt_ids(request)
        if not limits:
            return 0, whole
        fitted = fitted_prompt(self._local.tokenizer, whole, min(limits), params.max_tokens)
        body["max_tokens"] = fitted.max_new_tokens
        return fitted.truncated_tokens, list(fitted.tokens)

    def _sampling(self, request: LMRequest, params: SamplingParams, index: int) -> dict[str, Any]:
        chat = request.request_type is RequestType.CHAT
        seed = sample_seed(request, params, index)
        return sampling_body(params, chat=chat, seed=seed)

    async def _sample(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The server's answer to ``body``, with fewer stop sequences where it takes only few: texts
        are cut at all of them here in any case."""
        if self._few_stops:
            body = _with_few_stops(body)
        try:
            return await self._post(path, body)
        except (TransientError, RefusedError):
            raise
        except ProviderError as error:
            fewer = _with_few_stops(body)
            if fewer == body or "stop" not in error.message:
                raise
            self._few_stops = True
            return await self._post(path, fewer)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        async def post(client: OpenAIClient) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = await client.post(path, body)
            return answer

        return await self._pool.route(lambda instance: instance.call(post))

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        async def score(client: OpenAIClient) -> list[LMOutput]:
            return await (await self._likelihood(client))(request)

        return await self._pool.route(lambda instance: instance.call(score))

    async def _likelihood(self, client: OpenAIClient) -> ServerLoglikelihood:
        """The scorer for one server; made anew for one that was restarted."""
        if client not in self._likelihoods:
            encoder: LocalTokenizer | ServerTokenizer | None = self._local
            if encoder is None and self._prompt_logprobs.form is not None:
                encoder = await ServerTokenizer.probe(client, self._served.name)
            self._likelihoods[client] = ServerLoglikelihood(
                client, self._served.name, self._prompt_logprobs, encoder, self._served.max_length
            )
        return self._likelihoods[client]

    # -- for the record

    def describe(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "served_model": self._served.name,
            "context_length": self._served.max_length,
            "prompt_logprobs": str(self._prompt_logprobs.form)
            if self._prompt_logprobs.form
            else "none",
            "instances": len(self._pool.instances),
        }
        if not self.config.base_url or self._fingerprint:
            facts["fingerprint"] = self._fingerprint
        logs = [str(i.process.log) for i in self._pool.instances if i.process]
        return {**facts, "logs": logs} if logs else facts

    def metrics(self) -> dict[str, float]:
        return {"restarts": sum(instance.restarts for instance in self._pool.instances)}

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        client = self._pool.instances[0].client
        server = self._server or ServerTokenizer(client, self._served.name)
        if request.request_type is RequestType.CHAT:
            return await chat_inputs(request, server, self._local)
        if request.request_type is RequestType.COMPLETION:
            limits = [n for n in (request.max_length, self._served.max_length) if n]
            limit = min(limits, default=None)
            known = await text_inputs(request, params, self._local or server, limit)
        else:
            likelihood = await self._likelihood(client)
            limit = likelihood.context_length(request)
            known = await text_inputs(request, params, likelihood.encoder, limit)
        return known or await super().inspect(request, params)


def _with_few_stops(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """``body`` with as many stop sequences as OpenAI takes, and many servers after it."""
    stops = body.get("stop") or ()
    return body if len(stops) <= _FEW_STOPS else {**body, "stop": stops[:_FEW_STOPS]}
