"""Log-probabilities that are no numbers: passed on as they are, never as a number or an answer
less."""

from __future__ import annotations

import asyncio
import math

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.litellm.provider import LiteLLMProvider
from olmo_eval_providers.openai_api.answer import outputs
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider

CHOICES = LMRequest(RequestType.LOGLIKELIHOOD, prompt="The sky is", continuations=(" blue", " odd"))
PROMPT = LMRequest(RequestType.COMPLETION, prompt="2 + 2 =")


@pytest.mark.parametrize("value", [None, math.nan, -math.inf])
def test_a_token_of_an_answer_without_a_log_probability(value):
    text = {"text": "ab", "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-0.5, value]}}
    content = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": value}]
    chat = {"message": {"content": "ab"}, "logprobs": {"content": content}}

    for choice in (text, chat):
        (output,) = outputs({"choices": [choice]})
        assert output.num_tokens == 2
        assert not math.isfinite(output.sum_logprob)


@pytest.mark.engine
@pytest.mark.skipif(not importable("litellm"), reason="litellm is not installed")
@pytest.mark.parametrize("kind", [VLLMServerProvider, LiteLLMProvider])
@pytest.mark.parametrize("form", ["prompt_logprobs", "echo"])
@pytest.mark.parametrize("value", [math.nan, None])
def test_a_server_whose_numbers_are_none(openai_server, kind, form, value):
    """JSON has no NaN, but servers send it all the same."""
    openai_server.abilities = {form, "batch"}
    openai_server.logprob_of = {" odd": value}

    async def main():
        provider = kind(ProviderConfig(model="openai/any", base_url=openai_server.base_url))
        try:
            await provider.start()
            scored = await provider.loglikelihood(CHOICES)
            return scored, await provider.generate(PROMPT, SamplingParams(logprobs=1))
        finally:
            await provider.close()

    openai_server.generated_logprob = value
    (blue, odd), (answer,) = asyncio.run(main())
    assert blue.sum_logprob == pytest.approx(-0.5)
    assert math.isnan(odd.sum_logprob) and not odd.is_greedy
    assert math.isnan(answer.sum_logprob)
