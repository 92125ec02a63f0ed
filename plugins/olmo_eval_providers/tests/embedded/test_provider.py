"""The provider as the kernel uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.testing.provider import provider_contract
from olmo_eval_providers.embedded.provider import EmbeddedProvider

LATEST = str(Path(__file__).parents[4] / "examples/tiny_model/checkpoints/step1000")
QUESTION = "Question: What is 34 + 25?\nAnswer:"
SHORT = SamplingParams(max_tokens=12, stop_sequences=("\n",))


@asynccontextmanager
async def started(model: Path, **settings: Any) -> AsyncIterator[EmbeddedProvider]:
    provider = EmbeddedProvider(ProviderConfig(model=str(model), **settings))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


def test_requests_in_flight_together(checkpoint: Path) -> None:
    answers: dict[int, str] = {}

    async def ask_all() -> None:
        async with started(checkpoint) as provider:

            async def ask(number: int) -> None:
                prompt = f"Question: What is {number} + 25?\nAnswer:"
                request = LMRequest(RequestType.COMPLETION, prompt=prompt)
                answers[number] = (await provider.generate(request, SHORT))[0].text.strip()

            async with anyio.create_task_group() as group:
                for number in range(10, 60):
                    group.start_soon(ask, number)

    anyio.run(ask_all)
    right = sum(answer == str(number + 25) for number, answer in answers.items())
    assert len(answers) == 50 and right >= 40


def test_output_of_a_generation(checkpoint: Path) -> None:
    async def ask() -> Any:
        async with started(checkpoint) as provider:
            request = LMRequest(RequestType.COMPLETION, prompt=QUESTION)
            params = SamplingParams(max_tokens=12, stop_sequences=("\n",), logprobs=1)
            return await provider.generate(request, params)

    (output,) = anyio.run(ask)
    assert (output.text, output.finish_reason, output.num_tokens) == (" 59", "stop", 3)
    assert [entry["token"] for entry in output.logprobs] == [" ", "5", "9"]
    assert output.sum_logprob == pytest.approx(sum(e["logprob"] for e in output.logprobs))
    assert output.usage.prompt_tokens == len(QUESTION) + 1  # and the <bos>
    assert output.usage.completion_tokens == 4  # and the line break that stopped it


def test_samples_repeat_and_differ(checkpoint: Path) -> None:
    params = SamplingParams(max_tokens=30, temperature=1.5, num_samples=4, seed=3)

    async def ask() -> list[list[str]]:
        async with started(checkpoint) as provider:
            request = LMRequest(RequestType.COMPLETION, prompt="Question:")
            return [[o.text for o in await provider.generate(request, params)] for _ in range(2)]

    first, second = anyio.run(ask)
    assert first == second
    assert len(set(first)) == 4


def test_chat_goes_through_the_template(checkpoint: Path) -> None:
    pytest.importorskip("jinja2", reason="chat templates are rendered by jinja2")
    chat = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "What is 34 + 25?"},))

    async def ask() -> Any:
        async with started(checkpoint) as provider:
            return await provider.generate(chat, SHORT), await provider.inspect(chat, SHORT)

    (output,), (received,) = anyio.run(ask)
    assert received.text == "<bos>" + QUESTION
    assert [t.text for t in received.tokens] == ["<bos>", *QUESTION]
    assert [t.special for t in received.tokens] == [True, *[False] * len(QUESTION)]
    assert output.text == " 59"
    assert output.usage.prompt_tokens == len(QUESTION) + 1


def test_output_of_log_likelihoods(checkpoint: Path) -> None:
    text = "Then it carried 90 crates."
    choices = LMRequest(RequestType.LOGLIKELIHOOD, prompt=QUESTION, continuations=(" 59", " 6"))

    async def ask() -> Any:
        async with started(checkpoint) as provider:
            rolling = LMRequest(RequestType.ROLLING, prompt=text)
            return await provider.loglikelihood(choices), await provider.loglikelihood(rolling)

    (right, wrong), (whole,) = anyio.run(ask)
    assert (right.text, right.num_tokens, right.is_greedy) == (" 59", 3, True)
    assert (wrong.text, wrong.num_tokens, wrong.is_greedy) == (" 6", 2, False)
    assert wrong.sum_logprob < right.sum_logprob < 0
    assert right.logprobs is wrong.logprobs is whole.logprobs is None  # nobody asked for tokens
    assert (whole.text, whole.num_tokens) == (text, len(text))
    assert whole.sum_logprob < 0


def test_an_abandoned_request_does_not_block_others(checkpoint: Path) -> None:
    async def ask() -> str:
        async with started(checkpoint) as provider:
            request = LMRequest(RequestType.COMPLETION, prompt=QUESTION)
            with anyio.move_on_after(0.02):
                await provider.generate(request, SamplingParams(max_tokens=1500, temperature=2))
            return (await provider.generate(request, SHORT))[0].text

    assert anyio.run(ask) == " 59"


def test_the_record_names_the_model(checkpoint: Path) -> None:
    async def facts() -> dict[str, Any]:
        async with started(checkpoint, max_model_len=512) as provider:
            return provider.describe()

    described = anyio.run(facts)
    assert described["fingerprint"].startswith("sha256:")
    assert described["context_length"] == 512


test_contract = provider_contract(lambda: EmbeddedProvider(ProviderConfig(model=LATEST)))


def test_nothing_works_before_start() -> None:
    provider = EmbeddedProvider(ProviderConfig(model="x"))
    with pytest.raises(ProviderError, match="is not started"):
        provider.describe()
