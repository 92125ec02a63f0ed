"""A model whose logits are NaN for some texts: every engine says so of these, and only of these."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from olmo_eval.common.types import LMRequest, RequestType
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.embedded.provider import EmbeddedProvider
from olmo_eval_providers.extras import importable
from olmo_eval_providers.hf.provider import HFProvider
from olmo_eval_providers.vllm.provider import VLLMProvider

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("vllm"), reason="vllm is not installed"),
]

CHECKPOINT = Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints" / "step1000"
#: the broken ones last: vLLM may spread a NaN from a block of its cache to texts beside it or after
TEXTS = ["Question: what is 3 + 4?\nAnswer:", "a", "Question: what is #?\nAnswer:", "a # b"]


@pytest.mark.parametrize("engine", [EmbeddedProvider, HFProvider, VLLMProvider])
def test_log_likelihoods_of_a_broken_model(engine, broken_at):
    folder = broken_at(ord("#"), CHECKPOINT)

    async def main():
        provider = engine(ProviderConfig(model=str(folder), dtype="float32", max_model_len=256))
        try:
            await provider.start()
            found = []
            for text in TEXTS:
                request = LMRequest(RequestType.LOGLIKELIHOOD, prompt=text, continuations=(" 7",))
                found.append((await provider.loglikelihood(request))[0].sum_logprob)
            return found
        finally:
            await provider.close()

    found = asyncio.run(main())
    assert [math.isfinite(value) for value in found] == ["#" not in text for text in TEXTS]
