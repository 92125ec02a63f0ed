"""Weights that are not those of config.json are refused by every engine that loads them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.embedded.provider import EmbeddedProvider
from olmo_eval_providers.extras import importable
from olmo_eval_providers.hf.provider import HFProvider
from olmo_eval_providers.vllm.provider import VLLMProvider
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("vllm"), reason="vllm is not installed"),
]

CHECKPOINT = Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints" / "step1000"
ENGINES = [EmbeddedProvider, HFProvider, VLLMProvider, VLLMServerProvider]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 3},
        {"num_hidden_layers": 5},
        {"vocab_size": 280},
        {"hidden_size": 64},
        {"intermediate_size": 64},
        {"num_key_value_heads": 1},
    ],
    ids=str,
)
def test_other_weights_are_refused(engine, config, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(CHECKPOINT, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **config}))

    async def start():
        provider = engine(ProviderConfig(model=str(folder), dtype="float32"))
        try:
            await provider.start()
        finally:
            await provider.close()

    with pytest.raises(ProviderError) as error:
        asyncio.run(start())
    assert f"{folder}: the weights are not those of config.json" in error.value.message
