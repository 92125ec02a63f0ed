"""How much fits: a budget from free memory, halved when it proves too much, and remembered."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define

from olmo_eval.errors import ProviderError
from olmo_eval_providers.hf.loading import LoadedModel

T = TypeVar("T")

#: share of the free memory that one forward pass may take
_SHARE = 0.5
#: tokens beyond which a bigger pass is no faster: the attention of a packed pass is quadratic
_MOST_BATCH_TOKENS = {"cpu": 512, "gpu": 8192}
_MOST_SLOTS = {"cpu": 32, "gpu": 256}


@define
class Budget:
    """Tokens of one forward pass and samples that decode side by side; ``halvings`` counts."""

    batch_tokens: int
    slots: int
    halvings: int = 0

    def halve(self, what: str, error: BaseException) -> None:
        """Allow half as much from now on.

        Raises:
            ProviderError: there is nothing left to halve.
        """
        if self.batch_tokens <= 16 and self.slots <= 1:
            raise ProviderError(
                f"out of memory while {what}, even one at a time: {error}",
                hint="lower max_model_len, use a smaller dtype, or a device with more memory",
            ) from error
        self.batch_tokens = max(16, self.batch_tokens // 2)
        self.slots = max(1, self.slots // 2)
        self.halvings += 1


def budget(loaded: LoadedModel, batch_tokens: int | None, slots: int | None) -> Budget:
    """What the options say, and what the free memory allows where they say nothing."""
    kind = "cpu" if loaded.device.type == "cpu" else "gpu"
    free = free_bytes(loaded.torch, loaded.device) * _SHARE
    tokens = int(free / _bytes_per_token(loaded))
    rows = int(free / (_kv_bytes(loaded) * min(loaded.max_length, 4096)))
    return Budget(
        batch_tokens or max(64, min(_MOST_BATCH_TOKENS[kind], tokens)),
        slots or max(1, min(_MOST_SLOTS[kind], rows)),
    )


def free_bytes(torch: Any, device: Any) -> int:
    """Memory that can still be taken on ``device``."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _kv_bytes(loaded: LoadedModel) -> int:
    """Bytes of keys and values a token."""
    config = loaded.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * width * loaded.model.dtype.itemsize)


def _bytes_per_token(loaded: LoadedModel) -> int:
    """Bytes of one token in a forward pass: logits (float32, twice), one layer, its cache."""
    activations = 24 * loaded.config.hidden_size * loaded.model.dtype.itemsize
    return int(8 * loaded.vocab_size + activations + _kv_bytes(loaded))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch raised ``error`` because an allocation failed, on a GPU or a CPU."""
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


def retried_with_half(attempt: Callable[[], T], limits: Budget, what: str, torch: Any) -> T:
    """``attempt()``, again with half the budget each time memory runs out.

    Raises:
        ProviderError: not even the smallest attempt fits.
    """
    while True:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            limits.halve(what, error)
        # outside of the except block, where the traceback no longer keeps the tensors alive
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
