"""The contract with an inference engine, and what every engine's provider may share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.common.types import Capability
    from olmo_eval.providers.engine_input import EngineInput, InputToken, engine_inputs
    from olmo_eval.providers.models import ModelConfig, make_provider
    from olmo_eval.providers.provider import Provider, ProviderConfig
    from olmo_eval.providers.tokenization import (
        Scored,
        TextEncoder,
        fit_prompt,
        rolling_windows,
        to_score,
    )
    from olmo_eval.providers.tokenizer import ModelTokenizer

__all__ = [
    "Capability",
    "EngineInput",
    "InputToken",
    "ModelConfig",
    "ModelTokenizer",
    "Provider",
    "ProviderConfig",
    "Scored",
    "TextEncoder",
    "engine_inputs",
    "fit_prompt",
    "make_provider",
    "rolling_windows",
    "to_score",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Capability": "olmo_eval.common.types",
        "EngineInput": "olmo_eval.providers.engine_input",
        "InputToken": "olmo_eval.providers.engine_input",
        "ModelConfig": "olmo_eval.providers.models",
        "ModelTokenizer": "olmo_eval.providers.tokenizer",
        "Provider": "olmo_eval.providers.provider",
        "ProviderConfig": "olmo_eval.providers.provider",
        "Scored": "olmo_eval.providers.tokenization",
        "TextEncoder": "olmo_eval.providers.tokenization",
        "engine_inputs": "olmo_eval.providers.engine_input",
        "fit_prompt": "olmo_eval.providers.tokenization",
        "make_provider": "olmo_eval.providers.models",
        "rolling_windows": "olmo_eval.providers.tokenization",
        "to_score": "olmo_eval.providers.tokenization",
    },
)
