"""The options that change how fast a model answers: declared, read, and none that changes what."""

from __future__ import annotations

import attrs
import pytest

from olmo_eval.providers.provider import Provider
from olmo_eval_providers.embedded.options import Options as EmbeddedOptions
from olmo_eval_providers.embedded.provider import EmbeddedProvider
from olmo_eval_providers.hf.options import Options as HFOptions
from olmo_eval_providers.hf.provider import HFProvider
from olmo_eval_providers.litellm.options import Options as LiteLLMOptions
from olmo_eval_providers.litellm.provider import LiteLLMProvider
from olmo_eval_providers.vllm.options import Options as VLLMOptions
from olmo_eval_providers.vllm.provider import VLLMProvider
from olmo_eval_providers.vllm_args import PACE as OF_VLLM
from olmo_eval_providers.vllm_server.options import Options as ServerOptions
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider

PROVIDERS = [EmbeddedProvider, HFProvider, LiteLLMProvider, VLLMProvider, VLLMServerProvider]
#: some of what decides which numbers come out
DECISIVE = {
    "add_bos_token",
    "attn_implementation",
    "chat_template",
    "completion",
    "dtype",
    "hf_overrides",
    "kv_cache_dtype",
    "python",
    "quantization",
    "reasoning_effort",
    "seed",
    "share_prefixes",
    "tool_call_parser",
}


def names(options: type) -> set[str]:
    return {field.name for field in attrs.fields(options)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_decides_the_numbers_is_no_matter_of_pace(provider: type[Provider]) -> None:
    assert provider.pace
    assert not provider.pace & DECISIVE


def test_what_is_declared_is_read() -> None:
    # transformers takes device_map, and the loader then leaves the model where it put it
    assert HFProvider.pace <= names(HFOptions) | {"device_map"}
    assert LiteLLMProvider.pace <= names(LiteLLMOptions)
    assert VLLMServerProvider.pace - OF_VLLM <= names(ServerOptions)
    assert VLLMProvider.pace - OF_VLLM <= names(VLLMOptions)
    assert EmbeddedProvider.pace <= names(EmbeddedOptions)
