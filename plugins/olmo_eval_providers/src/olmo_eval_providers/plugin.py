"""What this distribution adds to olmo-eval: five providers, their model presets,
the choice, checks of what they need, and a demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.hookspecs import hookimpl

if TYPE_CHECKING:
    from olmo_eval.commands import CommandGroup
    from olmo_eval.doctor import Check
    from olmo_eval.hookspecs import Register
    from olmo_eval.providers.models import ModelConfig
    from olmo_eval.providers.provider import Provider, ProviderConfig

OLMO_EVAL_API = 1


@hookimpl
def register_providers(register: Register[type[Provider]]) -> None:
    register("embedded", "olmo_eval_providers.embedded.provider:EmbeddedProvider")
    register("hf", "olmo_eval_providers.hf.provider:HFProvider")
    register("litellm", "olmo_eval_providers.litellm.provider:LiteLLMProvider")
    register("vllm", "olmo_eval_providers.vllm.provider:VLLMProvider")
    register("vllm_server", "olmo_eval_providers.vllm_server.provider:VLLMServerProvider")


@hookimpl
def register_models(register: Register[ModelConfig]) -> None:
    from olmo_eval_providers.presets import PRESETS

    for name, preset in PRESETS.items():
        register(name, preset)


@hookimpl
def register_checks(register: Register[Check]) -> None:
    for name in ("engines", "gpu", "keys"):
        register(name, f"olmo_eval_providers.checks:{name}")


@hookimpl
def register_commands(cli: CommandGroup) -> None:
    cli.add_lazy_command(
        "demo",
        "olmo_eval_providers.demo:demo",
        "Evaluate two checkpoints of a tiny model and compare them.",
    )


@hookimpl
def choose_provider(config: ProviderConfig) -> tuple[str, str] | None:
    from olmo_eval_providers.choose import choose_provider as choose

    return choose(config)
