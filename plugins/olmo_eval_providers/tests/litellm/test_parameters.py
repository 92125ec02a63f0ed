"""Models that do not take every parameter: what is left out is said, or refused before the run.

The service is a local server that answers 400 to what it does not take, as OpenAI's does.
"""

from __future__ import annotations

import asyncio

import pytest

from olmo_eval.common.types import Capability, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.refusals import refusals
from olmo_eval.judges.judge import JudgeConfig
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.litellm.provider import LiteLLMProvider
from olmo_eval_providers.presets import PRESETS

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("litellm"), reason="litellm is not installed"),
]

CHAT = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "hi"},))
GREEDY = SamplingParams(max_tokens=9, stop_sequences=("STOP",))
#: what OpenAI's reasoning models refuse
REFUSED = {"temperature", "top_p", "max_tokens", "logprobs", "stop"}


@pytest.fixture
def service(openai_server, monkeypatch):
    """The server in OpenAI's place."""
    monkeypatch.setenv("OPENAI_API_BASE", openai_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-anything")
    openai_server.refuses = set(REFUSED)
    return openai_server


def generate(config, params, times=1):
    """(outputs of the last of ``times`` requests, what is said at the end)"""

    async def main():
        provider = LiteLLMProvider(config)
        try:
            await provider.start()
            for _ in range(times):
                outputs = await provider.generate(CHAT, params)
            return outputs, provider.notes()
        finally:
            await provider.close()

    return asyncio.run(main())


REASONING = [name for name in PRESETS if name.startswith("o3")]


@pytest.mark.parametrize("model", [*REASONING, "openai/o1", "openai/o4-mini", "openai/gpt-5-mini"])
def test_reasoning_models_answer(service, model):
    config = PRESETS[model].provider_config() if model in PRESETS else ProviderConfig(model=model)

    (output,), notes = generate(config, GREEDY, times=3)

    assert output.text == "a reply "  # cut at the stop sequence, whoever does it
    body = service.asked("/v1/chat/completions")[-1]
    assert body["max_completion_tokens"] == 9
    assert not REFUSED & body.keys()
    assert body.get("reasoning_effort") == config.kwargs.get("reasoning_effort")
    assert notes == [f"{config.model} does not take stop, temperature as asked: not sent"]
    assert output.metadata["not_sent"] == ["stop", "temperature"]


def test_what_the_service_refuses_is_learnt_once(service):
    """A model that litellm does not know: the service's own words count."""
    _, notes = generate(ProviderConfig(model="openai/unheard-of"), GREEDY, times=3)

    assert len(service.asked("/v1/chat/completions")) == 3 + 3  # one more for each parameter
    assert "max_completion_tokens" in service.asked("/v1/chat/completions")[-1]
    assert notes == ["openai/unheard-of does not take stop, temperature as asked: not sent"]


def test_sampling_that_the_service_refuses_is_not_left_out(service):
    with pytest.raises(ProviderError, match="Unsupported parameter: 'temperature'"):
        generate(ProviderConfig(model="openai/unheard-of"), SamplingParams(temperature=0.7))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (SamplingParams(temperature=0.7), "does not take temperature=0.7"),
        (SamplingParams(temperature=1.0, top_p=0.9), "does not take top_p=0.9"),
        (SamplingParams(logprobs=2), "does not take logprobs=True"),
        (SamplingParams(temperature=1.0, top_k=4), "does not take top_k"),
        (SamplingParams(temperature=1.0, top_p=1.0, num_samples=4), None),
        (GREEDY, None),
    ],
)
def test_sampling_that_a_model_does_not_take_is_refused_before_the_run(service, params, reason):
    config = HarnessConfig(provider=ProviderConfig(kind="litellm", model="openai/o3-mini"))

    reasons = refusals(config, {Capability.CHAT}, sampling=[params])

    assert [reason in r for r in reasons] == ([True] if reason else [])
    assert service.requests == []


def test_a_missing_key_is_one_line_before_the_run(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = ProviderConfig(kind="litellm", model="openai/gpt-4o-mini")

    (reason,) = refusals(HarnessConfig(provider=config), {Capability.CHAT})
    assert reason.startswith("the environment lacks OPENAI_API_KEY, which openai/gpt-4o-mini needs")

    named = config.with_overrides(api_key_env="NO_SUCH_KEY")
    (reason,) = refusals(HarnessConfig(provider=named), {Capability.CHAT})
    assert "api_key_env names the variable NO_SUCH_KEY, which is not set" in reason

    server = config.with_overrides(base_url="http://127.0.0.1:1/v1")
    assert refusals(HarnessConfig(provider=server), {Capability.CHAT}) == []


def test_the_key_of_a_judge_is_looked_for_before_the_run_that_needs_it(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    judge = ProviderConfig(kind="litellm", model="anthropic/claude-3-opus-20240229")
    config = HarnessConfig(
        provider=ProviderConfig(kind="mock"),
        auxiliary_providers={"judge": judge},
        judges={"judge": JudgeConfig()},
    )

    (reason,) = refusals(config, {Capability.CHAT}, ["judge"])
    assert reason.startswith("judge 'judge': the environment lacks ANTHROPIC_API_KEY")
    assert refusals(config, {Capability.CHAT}) == []
