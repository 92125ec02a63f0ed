"""Options below ``provider.kwargs``: typed, in bounds, and with the name that was meant."""

from __future__ import annotations

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval_providers.embedded.provider import EmbeddedProvider
from olmo_eval_providers.hf.provider import HFProvider
from olmo_eval_providers.litellm.provider import LiteLLMProvider
from olmo_eval_providers.vllm.provider import VLLMProvider
from olmo_eval_providers.vllm_server.provider import VLLMServerProvider


@pytest.mark.parametrize(
    ("provider", "name", "meant"),
    [
        (EmbeddedProvider, "slot", "slots"),
        (HFProvider, "batch_token", "batch_tokens"),
        (LiteLLMProvider, "max_csot", "max_cost"),
        (VLLMProvider, "tool_cal_parser", "tool_call_parser"),
        (VLLMServerProvider, "startup_timeuot", "startup_timeout"),
    ],
)
def test_a_slip_names_the_option_that_was_meant(
    provider: type[Provider], name: str, meant: str
) -> None:
    with pytest.raises(UsageError) as error:
        provider(ProviderConfig(model="m", kwargs={name: 1}))
    assert error.value.message.startswith(f"provider.kwargs.{name}: ")
    assert error.value.hint is not None and meant in error.value.hint


def test_an_engine_that_takes_nothing_else_lists_its_options() -> None:
    with pytest.raises(UsageError) as error:
        EmbeddedProvider(ProviderConfig(model="m", kwargs={"temperature": 1}))
    assert error.value.hint == "known options: slots, cache_bytes"


@pytest.mark.parametrize(
    ("provider", "option", "value", "expected"),
    [
        (EmbeddedProvider, "slots", 0, "a whole number from 1"),
        (EmbeddedProvider, "slots", "4", "expected int, got '4'"),
        (HFProvider, "batch_tokens", True, "int"),
        (HFProvider, "share_prefixes", "no", "expected bool, got 'no'"),
        (LiteLLMProvider, "max_cost", -1, "a finite number, above 0"),
        (LiteLLMProvider, "completion", "texts", "must be auto, text or chat"),
        (VLLMProvider, "asynchronous", 2, "expected bool, got 2"),
        (VLLMProvider, "data_parallel_size", "two", "a positive whole number"),
        (VLLMServerProvider, "startup_timeout", "long", "expected float, got 'long'"),
        (
            VLLMServerProvider,
            "api_key_env",
            "NO_SUCH_KEY_HERE",
            "NO_SUCH_KEY_HERE, which is not set",
        ),
    ],
)
def test_a_value_that_does_not_fit_names_its_option(
    provider: type[Provider], option: str, value: object, expected: str
) -> None:
    with pytest.raises(UsageError) as error:
        provider(ProviderConfig(model="m", kwargs={option: value}))
    assert error.value.message.startswith("provider.kwargs")
    assert option in error.value.message
    assert expected in error.value.message


@pytest.mark.parametrize(
    ("provider", "kwargs"),
    [
        (HFProvider, {"attn_implementation": "eager", "device_map": "auto"}),
        (LiteLLMProvider, {"reasoning_effort": "low", "max_cost": 2}),
        (VLLMProvider, {"max_num_seqs": 4, "hf_overrides": {"a": 1}}),
        (VLLMServerProvider, {"max_num_seqs": 4, "startup_timeout": 20}),
    ],
)
def test_options_of_the_engine_itself_pass(
    provider: type[Provider], kwargs: dict[str, object]
) -> None:
    provider(ProviderConfig(model="m", kwargs=kwargs))
