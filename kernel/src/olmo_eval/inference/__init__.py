"""Models to be asked by lists of requests, from a script: the published interface.

Runs use ``olmo_eval.providers``, one request at a time. This is a thin layer above the same
providers, for notebooks and task packs that ask a model themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.common.types import ProviderKind
    from olmo_eval.inference.models import (
        HuggingFaceProvider,
        InferenceProvider,
        LiteLLMProvider,
        MockProvider,
        VLLMProvider,
        VLLMServerProvider,
        create_provider,
    )
    from olmo_eval.inference.tokens import (
        encode_context_and_continuation,
        get_bos_token_ids,
        get_context_token_ids,
        has_bos_token,
    )

__all__ = [
    "HuggingFaceProvider",
    "InferenceProvider",
    "LiteLLMProvider",
    "MockProvider",
    "ProviderKind",
    "VLLMProvider",
    "VLLMServerProvider",
    "create_provider",
    "encode_context_and_continuation",
    "get_bos_token_ids",
    "get_context_token_ids",
    "has_bos_token",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "HuggingFaceProvider": "olmo_eval.inference.models",
        "InferenceProvider": "olmo_eval.inference.models",
        "LiteLLMProvider": "olmo_eval.inference.models",
        "MockProvider": "olmo_eval.inference.models",
        "ProviderKind": "olmo_eval.common.types",
        "VLLMProvider": "olmo_eval.inference.models",
        "VLLMServerProvider": "olmo_eval.inference.models",
        "create_provider": "olmo_eval.inference.models",
        "encode_context_and_continuation": "olmo_eval.inference.tokens",
        "get_bos_token_ids": "olmo_eval.inference.tokens",
        "get_context_token_ids": "olmo_eval.inference.tokens",
        "has_bos_token": "olmo_eval.inference.tokens",
    },
)
