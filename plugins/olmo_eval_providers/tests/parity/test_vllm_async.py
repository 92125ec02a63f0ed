"""vLLM's asynchronous engine answers as the stepped one does, and both die in good order."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError, RunFailedError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.vllm.engine import finished_output
from olmo_eval_providers.vllm.provider import VLLMProvider

pytestmark = [pytest.mark.engine, pytest.mark.slow]
__test__ = importable("vllm")  # elsewhere there is nothing to collect

CHECKPOINTS = Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints"
MODEL = str(max(CHECKPOINTS.glob("step*"), key=lambda p: int(p.name.removeprefix("step"))))

#: how the engine is driven; the two ranks start sooner with their workers inside them
DRIVEN = {
    "stepped": {},  # with its core in a process of its own, as on a GPU
    "one rank": {"asynchronous": True},
    "two ranks": {"data_parallel_size": 2, "distributed_executor_backend": "uni"},
}
PROMPTS = [f"Question: What is {i} + {2 * i}?\nAnswer:" for i in range(24)]
GREEDY = SamplingParams(max_tokens=24, stop_sequences=("\n\n",))
IMPOSSIBLE = SamplingParams(max_tokens=4, logprobs=1000)


async def generate(provider, prompts, params=GREEDY):
    requests = [LMRequest(RequestType.COMPLETION, prompt=prompt) for prompt in prompts]
    asked = [provider.generate(request, params) for request in requests]
    return await asyncio.gather(*asked, return_exceptions=True)


async def loglikelihood(provider, prompts):
    requests = [
        LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=(" 3", " three"))
        for prompt in prompts
    ]
    outputs = await asyncio.gather(*(provider.loglikelihood(request) for request in requests))
    return [output for pair in outputs for output in pair]


def cores():
    children = multiprocessing.active_children()
    return [child for child in children if child.name.startswith("EngineCore")]


def family():
    """Every process below this one, but that which tidies up at the end of all."""
    import psutil

    below = psutil.Process().children(recursive=True)
    return [process for process in below if "resource_tracker" not in " ".join(process.cmdline())]


async def kill_a_core(provider):
    """What those who wait are told, and after how many seconds."""
    halted = cores()
    for core in halted:
        os.kill(core.pid, signal.SIGSTOP)  # so that nobody is answered before
    waiting = asyncio.create_task(generate(provider, PROMPTS))
    await asyncio.sleep(0.5)
    os.kill(halted[0].pid, signal.SIGKILL)
    began = time.monotonic()
    return await waiting, time.monotonic() - began


async def life(provider, killed):
    """What is seen of an engine from its start to its end."""
    import psutil

    seen = {}
    try:
        await provider.start()
        seen["cores"] = len(cores())
        seen["measured"] = await loglikelihood(provider, PROMPTS)
        answers, bad = await asyncio.gather(
            generate(provider, PROMPTS), generate(provider, ["The"], IMPOSSIBLE)
        )
        seen["texts"] = [(output.text, output.finish_reason) for (output,) in answers]
        seen["impossible"] = bad
        processes = family()
        if killed:
            seen["errors"], seen["seconds"] = await kill_a_core(provider)
            seen["late"] = await generate(provider, ["Too late"])
    finally:
        await provider.close()
    seen["left"] = psutil.wait_procs(processes, timeout=8 if killed else 1)[1]
    return seen


@functools.cache
def watch(driven):
    config = ProviderConfig(model=MODEL, dtype="float32", kwargs=DRIVEN[driven])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1" if driven == "stepped" else "0")
        return asyncio.run(life(VLLMProvider(config), killed=driven != "one rank"))


@pytest.mark.parametrize(("driven", "cores"), [("one rank", 1), ("two ranks", 2)])
def test_answers_are_those_of_the_stepped_engine(driven, cores):
    ours, theirs = watch("stepped"), watch(driven)
    assert theirs["cores"] == cores
    assert [o.sum_logprob for o in theirs["measured"]] == pytest.approx(
        [o.sum_logprob for o in ours["measured"]], abs=1e-3
    )
    assert [o.is_greedy for o in theirs["measured"]] == [o.is_greedy for o in ours["measured"]]
    assert theirs["texts"] == ours["texts"]


@pytest.mark.parametrize("driven", DRIVEN)
def test_an_impossible_request_fails_alone(driven):
    (error,) = watch(driven)["impossible"]
    assert type(error) is ProviderError
    assert "vLLM refuses a request" in error.message
    assert len(watch(driven)["texts"]) == len(PROMPTS)


@pytest.mark.parametrize("driven", DRIVEN)
def test_close_leaves_no_process(driven):
    assert watch(driven)["left"] == []


@pytest.mark.parametrize("driven", ["stepped", "two ranks"])
def test_the_death_of_a_core_is_told(driven):
    seen = watch(driven)
    assert {type(error) for error in (*seen["errors"], *seen["late"])} == {RunFailedError}
    assert "vLLM's engine died" in seen["errors"][0].message
    assert seen["seconds"] < 10  # vLLM gives the other rank five to end


def test_half_an_answer_is_none():
    output = SimpleNamespace(outputs=[SimpleNamespace(finish_reason="abort", text="half an")])
    assert isinstance(finished_output(output), RunFailedError)
