"""A model that really calls tools is understood through every engine, there and back."""

from __future__ import annotations

import asyncio
import json

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams, ToolSchema
from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.hf.provider import HFProvider
from olmo_eval_providers.litellm.provider import LiteLLMProvider
from olmo_eval_providers.vllm.provider import VLLMProvider
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider

pytestmark = [pytest.mark.engine, pytest.mark.slow]

needs_hf = pytest.mark.skipif(not importable("hf"), reason="transformers is not installed")
needs_vllm = pytest.mark.skipif(not importable("vllm"), reason="vLLM is not installed")


async def converse(provider, learnt, schema):
    """Ask each question; run the tool that the model calls; hear the answer."""
    tools = (ToolSchema("add", "adds two numbers", schema),)
    heard = []
    for question, pair, total in learnt:
        messages = [{"role": "user", "content": question}]
        request = LMRequest(RequestType.CHAT, messages=tuple(messages), tools=tools)
        params = SamplingParams(max_tokens=80)
        (called,) = await provider.generate(request, params)
        (call,) = called.tool_calls
        assert called.finish_reason == "tool_calls" and called.text == ""
        assert (call.name, json.loads(call.arguments)) == ("add", {"a": pair[0], "b": pair[1]})
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call.to_openai()]},
            {"role": "tool", "tool_call_id": call.id, "content": total},
        ]
        request = LMRequest(RequestType.CHAT, messages=tuple(messages), tools=tools)
        (answer,) = await provider.generate(request, params)
        assert answer.tool_calls == () and answer.finish_reason == "stop"
        (received,) = await provider.inspect(request, params)
        assert received.text.startswith("<bos>[add]U:") and received.tokens[0].special
        assert len(received.tokens) == answer.usage.prompt_tokens
        heard.append(answer.text)
    return heard


def through(provider, model, then=None):
    """What the model says through ``provider``, and what ``then`` finds beside it."""
    made, _ = model

    async def main():
        try:
            await provider.start()
            heard = await converse(provider, made.LEARNT, made.SCHEMA)
            return heard, await then(provider) if then else None
        finally:
            await provider.close()

    heard, more = asyncio.run(main())
    assert heard == [f"It is {total}." for _, _, total in made.LEARNT]
    return more


@needs_hf
def test_hf(tool_model):
    through(HFProvider(ProviderConfig(model=tool_model[1])), tool_model)


@needs_vllm
@pytest.mark.parametrize("parser", [None, "hermes"])
def test_vllm(tool_model, parser):
    kwargs = {"tool_call_parser": parser} if parser else {}
    config = ProviderConfig(model=tool_model[1], dtype="float32", kwargs=kwargs)
    through(VLLMProvider(config), tool_model)


@needs_vllm
def test_vllm_names_its_parsers(tool_model):
    config = ProviderConfig(model=tool_model[1], kwargs={"tool_call_parser": "herms"})
    with pytest.raises(UsageError, match="vLLM has no tool parser 'herms'"):
        through(VLLMProvider(config), tool_model)


@needs_vllm
def test_vllm_server_and_litellm_in_front_of_it(tool_model):
    async def litellm(server):
        config = ProviderConfig(
            model=f"openai/{tool_model[1]}",
            base_url=server.base_url,
            tokenizer=tool_model[1],
            kwargs={"api_key": server.api_key},
        )
        provider = LiteLLMProvider(config)
        try:
            await provider.start()
            return await converse(provider, tool_model[0].LEARNT, tool_model[0].SCHEMA)
        finally:
            await provider.close()

    server = VLLMServerProvider(ProviderConfig(model=tool_model[1], dtype="float32"))
    heard = through(server, tool_model, litellm if importable("litellm") else None)
    assert heard is None or heard == [f"It is {total}." for _, _, total in tool_model[0].LEARNT]
