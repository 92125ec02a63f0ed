"""The litellm provider against a real HTTP server that can misbehave."""

from __future__ import annotations

import asyncio
import socket

import pytest

from olmo_eval.common.types import Capability, LMRequest, RequestType, SamplingParams, ToolSchema
from olmo_eval.errors import (
    ProviderError,
    RefusedError,
    RunFailedError,
    TransientError,
    UsageError,
)
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.litellm.provider import LiteLLMProvider

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("litellm"), reason="litellm is not installed"),
]

KEY = "sk-very-secret-key-123456"
PROMPT = LMRequest(RequestType.COMPLETION, prompt="2 + 2 =")
CHAT = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "hi"},))
CHOICES = LMRequest(
    RequestType.LOGLIKELIHOOD, prompt="The sky is ", continuations=("blue", "red x")
)


def run(server, act, *, model="openai/any", timeout=5.0, **kwargs):
    """Start a provider at ``server``, await ``act(provider)``, close it."""
    config = ProviderConfig(
        model=model,
        base_url=server if isinstance(server, str) else server.base_url,
        timeout=timeout,
        kwargs={"api_key": KEY, **kwargs},
    )

    async def main():
        provider = LiteLLMProvider(config)
        try:
            await provider.start()
            if not isinstance(server, str):
                server.requests.clear()
            return await act(provider)
        finally:
            await provider.close()

    return asyncio.run(main())


def generate(request=PROMPT, **params):
    return lambda provider: provider.generate(request, SamplingParams(**params))


def test_completion_passes_everything_on_and_reads_everything_back(openai_server):
    sampling = {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "seed": 3, "max_tokens": 9}
    (output,) = run(openai_server, generate(**sampling, stop_sequences=("STOP", "Q:")))
    (body,) = openai_server.asked("/v1/completions")
    assert body["prompt"] == "2 + 2 ="
    assert (body["temperature"], body["top_p"], body["top_k"], body["max_tokens"]) == (
        0.7,
        0.9,
        5,
        9,
    )
    assert isinstance(body["seed"], int)
    assert body["stop"] == ["STOP", "Q:"]
    assert output.text == "a reply "
    assert output.finish_reason == "stop"
    assert (output.usage.prompt_tokens, output.usage.completion_tokens) == (10, 5)
    assert output.usage.cached_tokens == 4


def test_a_prompt_with_bos_gets_no_second_one_from_the_server(openai_server):
    openai_server.abilities |= {"tokenize"}
    request = LMRequest(RequestType.COMPLETION, prompt="<s>2 + 2 =")

    async def act(provider):
        await provider.generate(request, SamplingParams())
        return await provider.inspect(request, SamplingParams())

    (shown,) = run(openai_server, act)
    (body,) = openai_server.asked("/v1/completions")
    assert body["prompt"] == "2 + 2 ="
    assert [token.text for token in shown.tokens] == ["<s>", *"2 + 2 ="]


def test_chat_with_tools(openai_server):
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    openai_server.message = {"content": None, "tool_calls": [call]}
    openai_server.finish = "tool_calls"
    request = LMRequest(
        RequestType.CHAT,
        messages=({"role": "user", "content": "add"},),
        system_prompt="be brief",
        tools=(ToolSchema("add", "adds"),),
    )
    (output,) = run(openai_server, generate(request))
    (body,) = openai_server.asked("/v1/chat/completions")
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert body["tools"][0]["function"]["name"] == "add"
    assert body["tool_choice"] == "auto"
    assert output.finish_reason == "tool_calls"
    assert (output.tool_calls[0].name, output.tool_calls[0].arguments) == ("add", '{"a": 1}')


@pytest.mark.parametrize("abilities", [{"n"}, set()], ids=["n", "one answer whatever n says"])
def test_samples_are_all_there(openai_server, abilities):
    openai_server.abilities = abilities
    outputs = run(openai_server, generate(CHAT, num_samples=3, temperature=1.0, seed=1))
    assert len(outputs) == 3
    seeds = {body["seed"] for body in openai_server.asked("/v1/chat/completions")}
    assert len(seeds) == len(openai_server.asked("/v1/chat/completions"))


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("429", TransientError, "429"),
        ("500", TransientError, "500"),
        ("503", TransientError, "503"),
        ("drop", TransientError, "cannot reach"),
        ("slow:3", TransientError, "in time"),
        ("not json", TransientError, "answered something that is not JSON"),
        ((200, b'{"choices": [', ()), TransientError, "answered something that is not JSON"),
        ((200, [], ()), TransientError, "sent a malformed answer"),
        ((200, {}, ()), TransientError, "sent a malformed answer"),
        ("401", ProviderError, "401"),
        ("404", ProviderError, "404"),
        (
            (400, {"error": {"message": "content_policy_violation", "code": "content_policy"}}),
            RefusedError,
            "content_policy",
        ),
    ],
    ids=str,
)
def test_faults_are_told_apart(openai_server, fault, kind, message):
    async def act(provider):
        openai_server.faults = [fault]
        await provider.generate(CHAT, SamplingParams())

    with pytest.raises(kind) as error:
        run(openai_server, act, timeout=1.5)
    assert type(error.value) is not ProviderError or kind is ProviderError
    assert message in str(error.value)
    if fault == "429":
        assert error.value.retry_after == pytest.approx(0.3)


def test_secrets_stay_out_of_errors(openai_server):
    async def act(provider):
        openai_server.faults = [(401, {"error": {"message": f"bad key {KEY}"}})]
        await provider.generate(CHAT, SamplingParams())

    with pytest.raises(ProviderError) as error:
        run(openai_server, act)
    assert KEY not in str(error.value)
    assert KEY not in repr(error.value.__cause__)


def test_a_dead_endpoint_is_named_at_start():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ProviderError, match=address):
        run(address, generate())


@pytest.mark.parametrize("form", ["prompt_logprobs", "echo"])
@pytest.mark.parametrize("batch", [True, False])
def test_likelihoods_where_the_endpoint_gives_them(openai_server, form, batch):
    openai_server.abilities = {form} | ({"batch"} if batch else set())
    first, second = run(openai_server, lambda p: p.loglikelihood(CHOICES))
    # the trailing space belongs to the continuation: " blue"; " red" and " x"
    assert (first.num_tokens, second.num_tokens) == (1, 2)
    assert first.sum_logprob == pytest.approx(-0.5)
    assert second.sum_logprob == pytest.approx(-0.6)
    assert first.is_greedy is (form == "prompt_logprobs")
    assert len(openai_server.asked("/v1/completions")) == (1 if batch else 3)


def test_likelihoods_are_refused_where_the_endpoint_ignores_the_request(openai_server):
    openai_server.abilities = set()
    with pytest.raises(UsageError, match="does not return log-probabilities of the prompt"):
        run(openai_server, lambda p: p.loglikelihood(CHOICES))


def test_commercial_apis_do_not_claim_likelihoods():
    config = ProviderConfig(model="gpt-4o-mini")
    assert Capability.LOGLIKELIHOOD not in LiteLLMProvider.capabilities_for(config)


def test_concurrency_grows_and_backs_off(openai_server):
    openai_server.delay, openai_server.limit = 0.15, 6  # long enough to overlap on a busy machine

    async def act(provider):
        async def ask():
            while True:
                try:
                    return await provider.generate(CHAT, SamplingParams())
                except TransientError:
                    await asyncio.sleep(0.01)

        outputs = await asyncio.gather(*(ask() for _ in range(60)))
        return provider._gate, outputs

    gate, outputs = run(openai_server, act)
    assert len(outputs) == 60
    assert gate.overloads > 0
    assert gate.limit <= 16


def test_max_cost_stops_the_run(openai_server):
    prices = {"input_cost_per_token": 0.01, "output_cost_per_token": 0.0}

    async def act(provider):
        for _ in range(5):
            await provider.generate(CHAT, SamplingParams())

    with pytest.raises(RunFailedError, match="max_cost"):
        run(openai_server, act, max_cost=0.25, **prices)
    assert len(openai_server.asked("/v1/chat/completions")) == 3


def test_max_cost_without_prices_is_refused(openai_server):
    with pytest.raises(UsageError, match="needs prices"):
        run(openai_server, generate(), max_cost=1)


def test_requests_per_minute_are_kept(openai_server, monkeypatch):
    from olmo_eval_providers.litellm import limits

    monkeypatch.setattr(limits, "_MINUTE", 1.0)

    async def act(provider):
        await provider.generate(CHAT, SamplingParams())  # LiteLLM's first call takes long
        await asyncio.sleep(1.0)
        openai_server.times.clear()
        await asyncio.gather(*(provider.generate(CHAT, SamplingParams()) for _ in range(7)))

    run(openai_server, act, requests_per_minute=3)
    times = openai_server.times
    assert all(b - a > 0.9 for a, b in zip(times, times[3:], strict=False))
