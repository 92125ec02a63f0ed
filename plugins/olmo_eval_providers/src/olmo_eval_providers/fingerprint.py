"""Model fingerprints, as the kernel makes them."""

from olmo_eval.providers.fingerprint import (
    SAMPLE_BYTES,
    WHOLE_FILE_BYTES,
    folder_fingerprint,
    hub_cache,
    hub_commit,
    model_fingerprint,
    tokenizer_fingerprint,
)

__all__ = [
    "SAMPLE_BYTES",
    "WHOLE_FILE_BYTES",
    "folder_fingerprint",
    "hub_cache",
    "hub_commit",
    "model_fingerprint",
    "tokenizer_fingerprint",
]
