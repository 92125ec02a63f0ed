"""Harness presets by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmo_eval import plugins
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.providers.provider import ProviderConfig

#: asks the model once, with nothing around it
DEFAULT = HarnessConfig()


def get_harness_preset(name: str) -> HarnessConfig:
    """The registered harness called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    preset: HarnessConfig = plugins.manager().registry("harnesses").get(name)
    return preset


def list_harness_presets() -> list[str]:
    """The names of all registered harnesses, in order."""
    return plugins.manager().registry("harnesses").names()


def register_harness_preset(name: str, config: HarnessConfig) -> HarnessConfig:
    """Register a harness under ``name``."""
    plugins.add("harnesses", name, config)
    return config


def harness_config(
    name: str,
    provider: ProviderConfig | None = None,
    auxiliary_providers: Mapping[str, ProviderConfig] | None = None,
    tools: Any = (),
    system_prompt: str | None = None,
    tool_choice: str = "auto",
    scaffold: str | None = None,
    required_secrets: Any = (),
    max_turns: int | None = None,
    max_concurrency: int | None = None,
    scoring_concurrency: int | None = None,
    scoring_process_pools: Any = None,
    sandboxes: Any = (),
    scaffold_kwargs: Mapping[str, Any] | None = None,
    sandbox_pool_instances: int | None = None,
    sandbox_pool_min_instances: int | None = None,
    metrics: Any = None,
    batching: Any = None,
    scorer_startup_timeout: float | None = None,
) -> HarnessConfig:
    """A harness with these settings.

    ``scoring_process_pools``, ``sandbox_pool_instances``, ``sandbox_pool_min_instances``,
    ``metrics``, ``batching`` and ``scorer_startup_timeout`` are about the pace of a published
    harness. Nothing is made of them: the runner keeps the engine, the processors and the sandboxes
    busy by itself.
    """
    return HarnessConfig(
        name=name,
        provider=provider or ProviderConfig(),
        auxiliary_providers=auxiliary_providers or {},
        tools=tools,
        system_prompt=system_prompt,
        tool_choice=tool_choice,
        scaffold=scaffold,
        required_secrets=required_secrets,
        max_turns=max_turns,
        max_concurrency=max_concurrency,
        scoring_concurrency=scoring_concurrency,
        sandboxes=sandboxes,
        scaffold_kwargs=scaffold_kwargs or {},
    )


def create_harness(config: HarnessConfig | str) -> Harness:
    """A harness at work, of a configuration or a preset's name: ``async with`` it."""
    return Harness(get_harness_preset(config) if isinstance(config, str) else config)


class _Presets(type):
    def __getattr__(cls, name: str) -> HarnessConfig:
        if name.startswith("_") or name not in plugins.manager().registry("harnesses"):
            raise AttributeError(
                f"no harness is registered as {name!r}; `olmo-eval harnesses` lists them all"
            )
        return get_harness_preset(name)

    def __dir__(cls) -> list[str]:
        return list_harness_presets()


class HarnessPresets(metaclass=_Presets):
    """The registered harnesses as attributes: ``HarnessPresets.default``."""
