"""All engines agree on the tiny model: the same likelihoods, the same text.

Runs every engine that is installed where the tests run: hf beside torch and transformers; vllm,
vllm_server, and litellm in front of that server, in an environment that has vLLM.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.testing.provider import CHECKS, checks_for
from olmo_eval_providers.embedded.provider import EmbeddedProvider
from olmo_eval_providers.extras import importable
from olmo_eval_providers.hf.provider import HFProvider
from olmo_eval_providers.litellm.provider import LiteLLMProvider
from olmo_eval_providers.vllm.provider import VLLMProvider
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CHECKPOINTS = Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints"
MODEL = str(max(CHECKPOINTS.glob("step*"), key=lambda p: int(p.name.removeprefix("step"))))

ENGINES = [kind for kind in ("hf", "vllm") if importable(kind)]
if importable("vllm"):
    ENGINES += ["vllm_server", *(["litellm"] if importable("litellm") else [])]

SHOTS = "".join(f"Question: What is {i} + {i + 1}?\nAnswer: {2 * i + 1}\n\n" for i in range(6))


def scored():
    """Few-shot questions, a context with a trailing space, none at all, odd text."""
    requests = [
        LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=f"{SHOTS}Question: What is {i} + {2 * i}?\nAnswer:",
            continuations=(f" {3 * i}", f" {i}", " nine hundred", " the sum of them"),
        )
        for i in range(3, 23)
    ]
    for prompt in ("Answer: ", "", "naïve 日本語 🙂", "two\n\n"):
        texts = ("yes", " no", "perhaps tomorrow")
        requests.append(LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=texts))
    return requests


def whole():
    """Texts of one window, and of several."""
    return [LMRequest(RequestType.ROLLING, prompt=SHOTS * n) for n in (1, 4)]


def generated():
    prompts = [f"{SHOTS}Question: What is {i} + {2 * i}?\nAnswer:" for i in range(3, 23)]
    requests = [LMRequest(RequestType.COMPLETION, prompt=p) for p in (*prompts, "The", "Question")]
    for question in ("What is 2 + 2?", "Who?", "naïve 日本語 🙂?"):
        message = {"role": "user", "content": question}
        requests.append(LMRequest(RequestType.CHAT, messages=(message,)))
    return requests


GREEDY = SamplingParams(max_tokens=24, stop_sequences=("\n\n",))


async def answers(provider):
    """Everything the provider says, and the checks of the contract that it fails."""
    measured = await asyncio.gather(*(provider.loglikelihood(r) for r in (*scored(), *whole())))
    texts = await asyncio.gather(*(provider.generate(r, GREEDY) for r in generated()))
    asked = (*scored(), *whole(), *generated())
    received = [await provider.inspect(request, GREEDY) for request in asked]
    failures = {}
    for name in checks_for(provider):
        try:
            await CHECKS[name](provider)
        except Exception as error:
            failures[name] = repr(error)
    return {
        "measured": [output for outputs in measured for output in outputs],
        "texts": [(output.text, output.finish_reason) for (output,) in texts],
        "usage": [(o.usage.prompt_tokens, o.usage.completion_tokens) for (o,) in texts],
        "received": received,
        "failures": failures,
        "facts": provider.describe(),
    }


async def started(provider, then):
    try:
        await provider.start()
        return await then(provider)
    finally:
        await provider.close()


@functools.cache
def ask(kind):
    config = ProviderConfig(model=MODEL, dtype="float32")
    if kind in ("vllm_server", "litellm"):
        return served()[kind]
    make = {"embedded": EmbeddedProvider, "hf": HFProvider, "vllm": VLLMProvider}[kind]
    return asyncio.run(started(make(config), answers))


@functools.cache
def served():
    """vllm_server and, in front of the same server, litellm."""

    async def both(server):
        found = {"vllm_server": await answers(server)}
        if importable("litellm"):
            settings = {"api_key": server.api_key}
            config = ProviderConfig(
                model=f"openai/{MODEL}",
                base_url=server.base_url,
                tokenizer=MODEL,
                kwargs=settings,
            )
            found["litellm"] = await started(LiteLLMProvider(config), answers)
        return found

    server = VLLMServerProvider(ProviderConfig(model=MODEL, dtype="float32"))
    return asyncio.run(started(server, both))


@pytest.mark.parametrize("kind", ENGINES)
def test_likelihoods_agree(kind):
    ours, theirs = ask("embedded")["measured"], ask(kind)["measured"]
    assert [o.num_tokens for o in theirs] == [o.num_tokens for o in ours]
    assert [o.sum_logprob for o in theirs] == pytest.approx([o.sum_logprob for o in ours], abs=1e-3)
    assert [o.is_greedy for o in theirs] == [o.is_greedy for o in ours]


@pytest.mark.parametrize("kind", ENGINES)
def test_greedy_text_agrees(kind):
    assert ask(kind)["texts"] == ask("embedded")["texts"]


@pytest.mark.parametrize("kind", ENGINES)
def test_usage_agrees(kind):
    """The tokens of a stop sequence and the one that ends a text count."""
    assert ask(kind)["usage"] == ask("embedded")["usage"]


@pytest.mark.parametrize("kind", ENGINES)
def test_the_contract_is_kept(kind):
    assert ask(kind)["failures"] == {}


@pytest.mark.parametrize("kind", ENGINES)
def test_what_is_received_agrees(kind):
    assert ask(kind)["received"] == ask("embedded")["received"]


@pytest.mark.parametrize("kind", [kind for kind in ENGINES if kind != "litellm"])
def test_the_model_is_recognized(kind):
    assert ask(kind)["facts"]["fingerprint"] == ask("embedded")["facts"]["fingerprint"]
