"""Models with a short name. Those of the hub leave the engine open; API models name theirs.
The checkpoints of the tiny model come with this package."""

from __future__ import annotations

from pathlib import Path

from olmo_eval.providers.models import ModelConfig

#: checkpoints of a byte-level Llama of 775,296 parameters; the repository's ``examples/tiny_model``
#: says how they were made
TINY_MODEL = Path(__file__).parent / "tiny_model"

PRESETS: dict[str, ModelConfig] = {
    **{f"tiny-step{n}": ModelConfig(str(TINY_MODEL / f"step{n}")) for n in (200, 400, 600, 1000)},
    "llama3.1-8b": ModelConfig("meta-llama/Llama-3.1-8B"),
    "llama3.1-8b-instruct": ModelConfig("meta-llama/Llama-3.1-8B-Instruct"),
    "llama3.1-70b": ModelConfig("meta-llama/Llama-3.1-70B"),
    "llama3.1-70b-instruct": ModelConfig("meta-llama/Llama-3.1-70B-Instruct"),
    "olmo-2-7b": ModelConfig("allenai/OLMo-2-1124-7B"),
    "olmo-2-13b": ModelConfig("allenai/OLMo-2-1124-13B"),
    # the mid-training checkpoint that the published base-model figures use
    "olmo-3-1025-7b": ModelConfig(
        "allenai/Olmo-3-1025-7B",
        revision="stage2-step47684",
        max_model_len=4096,
        kwargs={"add_bos_token": False},
    ),
    "qwen2.5-7b": ModelConfig("Qwen/Qwen2.5-7B"),
    "qwen3-coder-30b": ModelConfig(
        "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        provider="vllm_server",
        kwargs={
            "enable_expert_parallel": True,
            "enable_auto_tool_choice": True,
            "tool_call_parser": "qwen3_coder",
        },
    ),
    "deepseek-r1-distill-8b": ModelConfig(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", max_model_len=32768, thinking=True
    ),
    "mistral-7b": ModelConfig("mistralai/Mistral-7B-v0.3"),
    "gpt-4o": ModelConfig("openai/gpt-4o", provider="litellm"),
    "gpt-4o-mini": ModelConfig("openai/gpt-4o-mini", provider="litellm"),
    "gpt-4-turbo": ModelConfig("openai/gpt-4-turbo", provider="litellm"),
    "o3-mini": ModelConfig("openai/o3-mini", provider="litellm"),
    "o3-mini-low": ModelConfig(
        "openai/o3-mini", provider="litellm", kwargs={"reasoning_effort": "low"}
    ),
    "o3-mini-medium": ModelConfig(
        "openai/o3-mini", provider="litellm", kwargs={"reasoning_effort": "medium"}
    ),
    "o3-mini-high": ModelConfig(
        "openai/o3-mini", provider="litellm", kwargs={"reasoning_effort": "high"}
    ),
    "claude-3-opus": ModelConfig("anthropic/claude-3-opus-20240229", provider="litellm"),
    "claude-3-sonnet": ModelConfig("anthropic/claude-3-sonnet-20240229", provider="litellm"),
}
