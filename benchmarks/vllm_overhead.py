"""What the providers of vLLM cost beside vLLM itself, measured in one run on this machine.

    python benchmarks/vllm_overhead.py engine CHECKPOINT
    python benchmarks/vllm_overhead.py server CHECKPOINT

- ``engine``: the vllm provider against its own engine stepped by hand on the same requests, in one
  process, alternating.
- ``server``: the share of a run that the client of vllm_server takes (CPU seconds of this process
  per second of wall time, where 1 would mean that the client is the bottleneck), beside the
  openai SDK sending the same completions to the same server, alternating.

Medians of ``--repeats`` turns, after one that warms up.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from typing import Any

#: vLLM's memory for a small model where there is no GPU, and no compilation of one
VLLM_WITHOUT_GPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}


def requests(count: int) -> tuple[list[Any], list[Any], Any]:
    """Requests to generate, as many at most to score four choices, and the sampling parameters."""
    from olmo_eval.common.types import LMRequest, RequestType, SamplingParams

    shots = "".join(f"Question: What is {i} + 1?\nAnswer: {i + 1}\n\n" for i in range(5))
    contexts = [f"{shots}Question: What is {i} + 4?\nAnswer:" for i in range(count)]
    generate = [LMRequest(RequestType.COMPLETION, prompt=c) for c in contexts]
    choices = (" 1", " 2", " 3", " 4")
    measure = [
        LMRequest(RequestType.LOGLIKELIHOOD, prompt=c, continuations=choices)
        for c in contexts[:500]
    ]
    return generate, measure, SamplingParams(max_tokens=32)


async def engine(checkpoint: str, repeats: int, count: int) -> None:
    """The provider against its own engine, stepped by hand on the same token ids."""
    from olmo_eval.providers.provider import ProviderConfig
    from olmo_eval_providers.vllm.provider import VLLMProvider

    provider = VLLMProvider(ProviderConfig(model=checkpoint, dtype="float32"))
    await provider.start()
    generate, measure, params = requests(count)
    for name, calls in (
        (f"{count} prompts x 32 tokens", lambda: [provider.generate(r, params) for r in generate]),
        (f"{4 * len(measure):,} likelihoods", lambda: [provider.loglikelihood(r) for r in measure]),
    ):
        ours, bare = await alternate(provider, calls, repeats)
        print(
            f"vllm {name}: provider {ours:.2f} s, bare engine {bare:.2f} s "
            f"(medians of {repeats}); ratio {bare / ours:.2f}",
            flush=True,
        )
    await provider.close()


async def alternate(provider: Any, calls: Any, repeats: int) -> tuple[float, float]:
    """Median seconds of the provider, and of its engine on what the provider asked of it."""
    driver = provider._engine
    asked: list[Any] = []
    submit = driver.submit
    ours, bare = [], []
    for turn in range(repeats + 1):
        asked.clear()
        driver.submit = lambda ask: (asked.append(ask), submit(ask))
        began = time.perf_counter()
        await asyncio.gather(*calls())
        ours.append(time.perf_counter() - began)
        driver.submit = submit
        driver.engine.reset_prefix_cache()
        began = time.perf_counter()
        for number, ask in enumerate(asked):
            prompt = {"prompt_token_ids": ask.prompt}
            driver.engine.add_request(f"bare-{turn}-{number}", prompt, ask.sampling)
        while driver.engine.has_unfinished_requests():
            driver.engine.step()
        bare.append(time.perf_counter() - began)
        driver.engine.reset_prefix_cache()
    return statistics.median(ours[1:]), statistics.median(bare[1:])


async def server(checkpoint: str, repeats: int, count: int) -> None:
    """vllm_server's client beside the openai SDK, on the provider's own server."""
    from openai import AsyncOpenAI

    from olmo_eval.providers.provider import ProviderConfig
    from olmo_eval_providers.vllm_server.provider import VLLMServerProvider

    provider = VLLMServerProvider(ProviderConfig(model=checkpoint, dtype="float32"))
    await provider.start()
    try:
        generate, measure, params = requests(count)
        sdk = AsyncOpenAI(base_url=provider.base_url, api_key=provider.api_key, max_retries=0)
        room = asyncio.Semaphore(provider.max_concurrency)

        async def limited(call: Any) -> Any:
            async with room:
                return await call()

        async def ask_sdk(request: Any) -> Any:
            return await sdk.completions.create(
                model=checkpoint, prompt=request.prompt, max_tokens=32, temperature=0.0
            )

        contestants = {
            f"provider, {count} prompts x 32 tokens": [
                lambda r=r: provider.generate(r, params) for r in generate
            ],
            "openai SDK, the same": [lambda r=r: ask_sdk(r) for r in generate],
            f"provider, {4 * len(measure):,} likelihoods": [
                lambda r=r: provider.loglikelihood(r) for r in measure
            ],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for turn in range(repeats + 1):
            for name, calls in contestants.items():
                began, used = time.perf_counter(), time.process_time()
                await asyncio.gather(*map(limited, calls))
                if turn:  # the first warms the server up
                    seconds = time.perf_counter() - began
                    taken[name].append((seconds, time.process_time() - used))
        for name, runs in taken.items():
            wall, cpu = (statistics.median(values) for values in zip(*runs, strict=True))
            count = len(contestants[name])
            print(
                f"vllm_server {name}: {wall:.2f} s, {count / wall:.0f} requests/s; client "
                f"{cpu * 1000 / count:.2f} ms CPU a request, share {cpu / wall:.2f} "
                f"(medians of {repeats})",
                flush=True,
            )
        await sdk.close()
    finally:
        await provider.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("beside", choices=["engine", "server"])
    parser.add_argument("checkpoint")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--requests", dest="count", type=int, default=512)
    given = parser.parse_args()
    for name, value in VLLM_WITHOUT_GPU.items():
        os.environ.setdefault(name, value)
    run = engine if given.beside == "engine" else server
    asyncio.run(run(given.checkpoint, given.repeats, given.count))


if __name__ == "__main__":
    main()
