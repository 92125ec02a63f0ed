"""vLLM's ``EngineArgs`` for a model, in this process or as a server."""

from __future__ import annotations

import math
from typing import Any

from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.local.gpus import gpu_present

#: arguments by which vLLM reads another configuration, or weights of another format
OTHER_SOURCES = ("config_format", "hf_config_path", "hf_overrides", "load_format")
#: arguments that only say where and how fast
PACE = frozenset(
    {
        "cpu_offload_gb",
        "data_parallel_size",
        "disable_log_stats",
        "distributed_executor_backend",
        "enable_prefix_caching",
        "enforce_eager",
        "gpu_memory_utilization",
        "kv_cache_memory_bytes",
        "max_num_batched_tokens",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "pipeline_parallel_size",
        "tensor_parallel_size",
    }
)


def model_arguments(config: ProviderConfig) -> dict[str, Any]:
    """The arguments that ``config`` itself stands for; further ones may overrule them."""
    arguments: dict[str, Any] = {
        "model": config.model,
        "tokenizer": config.tokenizer,
        "revision": config.revision,
        "dtype": config.dtype,
        "max_model_len": config.max_model_len,
        "trust_remote_code": config.trust_remote_code or None,
        "enable_prefix_caching": True,
        "enforce_eager": None if gpu_present() else True,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def gpus_of_engine(config: ProviderConfig) -> int:
    """The GPUs of one engine: those of its tensor parallelism times its pipeline stages."""
    return math.prod(parallel_size(config, kind) for kind in ("tensor", "pipeline"))


def parallel_size(config: ProviderConfig, kind: str) -> int:
    """vLLM's ``KIND_parallel_size``, 1 where it is not given.

    Raises:
        UsageError: it is not a positive whole number.
    """
    name = f"{kind}_parallel_size"
    size = config.kwargs.get(name, 1)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise UsageError(f"provider.kwargs.{name} must be a positive whole number, got {size!r}")
    return size
